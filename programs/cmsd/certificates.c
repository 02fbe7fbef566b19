// SPDX-License-Identifier: Apache-2.0
/* /cms/v1/certificates: issuing to holders of a CertApprover role, the register, revoking. */
#include "access/role_context.h"
#include "access/schema.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmsd/cms.h"

#define CHAIN_BYTES_MAX (128U << 10)
#define GRANTS_MAX 64
#define SECONDS_DIGITS_MAX 12

/* The names in certificates are no tenant's own: whoever administers a tenant may give any role
 * there, and so could have a certificate of any name. */
static bool of_operator(struct http_exchange *x, const struct bearer *b)
{
    if (!strcmp(b->tenant, TENANT_DEFAULT))
        return true;
    log_warn("unauthorized request", "user", b->subject, "tenant", b->tenant, "request",
             http_request_id(x));
    http_answer_problem(x, 403, "permission_denied",
                        "certificates are given to the operator's own tenant only, default");
    return false;
}

bool cms_authenticate(struct http_exchange *x, struct cms *c, struct bearer *out)
{
    enum bearer_verdict verdict = BEARER_INVALID;

    struct err e = pinned_keys_verify(c->aas, http_bearer(x), clock_now(), &verdict, out);
    if (failed(e)) {
        cms_answer_failure(x, e, "token_invalid");
        return false;
    }
    if (verdict == BEARER_GOOD)
        return of_operator(x, out);
    log_warn("unauthorized request", "code", bearer_problem(verdict), "request",
             http_request_id(x));
    http_answer_header(x, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
    http_answer_problem(x, 401, bearer_problem(verdict),
                        "get a new token from the authentication service");
    return false;
}

void cms_answer_failure(struct http_exchange *x, struct err e, const char *absent_code)
{
    if (e.kind == FAIL_SYSTEM || e.kind == FAIL_NONE) {
        log_err(e, "request failed", "request", http_request_id(x));
        http_answer_problem(x, 500, "internal_error", NULL);
        return;
    }
    http_answer_failure(x, e,
                        e.kind == FAIL_ABSENT     ? absent_code
                        : e.kind == FAIL_UPSTREAM ? "busy"
                                                  : "refused");
}

/* The contexts of the token's CertApprover roles; one that cannot be read grants nothing. */
static size_t collect_grants(const struct bearer *b, struct csr_grant grants[GRANTS_MAX])
{
    struct bearer_role role;
    size_t count = 0;

    for (size_t i = 0; count < GRANTS_MAX && bearer_role_at(b, i, &role); i++) {
        struct role_context context;
        if (!span_equal_str(role.service, "CMS") || !span_equal_str(role.name, "CertApprover") ||
            failed(role_context_parse(role.context, &context)))
            continue;
        grants[count++] = (struct csr_grant){ .common_name = role_context_get(&context, "CN"),
                                              .sans = role_context_get(&context, "SAN"),
                                              .types = role_context_get(&context, "CERTTYPE") };
    }
    return count;
}

static bool refuse(struct http_exchange *x, int status, const char *code, const char *detail)
{
    http_answer_problem(x, status, code, detail);
    return false;
}

static bool read_type(struct http_exchange *x, enum cert_type *out)
{
    struct span given = http_query(x, "certType");

    if (!given.len || !cert_type_parse(given, out)) {
        http_answer_invalid(x, given.len ? "cert_type_invalid" : "cert_type_missing",
                            "say certType=TLS, TLS-Client or TLS-Server in the query",
                            json_pack("[{s:s,s:s}]", "parameter", "certType", "detail",
                                      "TLS, TLS-Client or TLS-Server"));
        return false;
    }
    return true;
}

static bool read_seconds(struct span text, int64_t *out)
{
    int64_t n = 0;

    if (!text.len || text.len > SECONDS_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = 10 * n + (text.at[i] - '0');
    }
    *out = n;
    return n > 0;
}

bool cms_read_life(struct http_exchange *x, int64_t longest, int64_t *out)
{
    struct span given = http_query(x, "validitySeconds");
    int64_t seconds = 0;

    *out = longest;
    if (!given.len && !http_has_query(x, "validitySeconds"))
        return true;
    if (!read_seconds(given, &seconds)) {
        http_answer_invalid(x, "malformed_request", "validitySeconds is a number of seconds",
                            json_pack("[{s:s,s:s}]", "parameter", "validitySeconds", "detail",
                                      "a number from 1 on"));
        return false;
    }
    if (seconds > longest)
        return refuse(x, 403, "validity_not_granted",
                      "a certificate of this type may not live so long");
    *out = seconds;
    return true;
}

bool cms_read_csr(struct http_exchange *x, struct csr *out)
{
    struct span type = http_header(x, "content-type"), body = http_body(x);

    if (type.len && !span_starts(type, SPAN("application/x-pem-file")) &&
        !span_starts(type, SPAN("application/pkcs10")))
        return refuse(x, 415, "unsupported_media_type", "application/x-pem-file is needed");
    if (body.len > CSR_PEM_MAX)
        return refuse(x, 413, "too_large", "a signing request is at most 16 KiB");
    struct err e = csr_parse(body, out);
    if (failed(e))
        return refuse(x, 400, "csr_invalid", e.what);
    return true;
}

static bool check_granted(struct http_exchange *x, const struct bearer *b, const struct csr *csr,
                          enum cert_type type)
{
    struct csr_grant grants[GRANTS_MAX];
    enum csr_verdict own = csr_check(csr);

    if (own != CSR_GOOD)
        return refuse(x, 400, csr_verdict_code(own), csr_verdict_text(own));
    size_t count = collect_grants(b, grants);
    if (!count) {
        log_warn("unauthorized request", "user", b->subject, "permission", "CMS:CertApprover",
                 "request", http_request_id(x));
        return refuse(x, 403, "permission_denied", "the token has no role CMS:CertApprover");
    }
    enum csr_verdict v = csr_granted(csr, type, grants, count);
    if (v == CSR_GOOD)
        return true;
    log_warn("unauthorized request", "user", b->subject, "code", csr_verdict_code(v), "request",
             http_request_id(x));
    return refuse(x, 403, csr_verdict_code(v), csr_verdict_text(v));
}

static bool check_permission(struct http_exchange *x, const struct bearer *b)
{
    if (bearer_meets(b, http_needs(x)))
        return true;
    log_warn("unauthorized request", "user", b->subject, "permission", http_needs(x), "request",
             http_request_id(x));
    return refuse(x, 403, "permission_denied", "no role of the token in service CMS is for this");
}

void cms_certificate_create(struct http_exchange *x, void *context)
{
    struct cms *c = context;
    struct bearer b owned(bearer_done) = { 0 };
    struct csr csr owned(csr_done) = { 0 };
    struct buf chain owned(buf_done) = buf_of(CHAIN_BYTES_MAX);
    enum cert_type type;
    int64_t seconds;

    if (!cms_authenticate(x, c, &b) || !check_permission(x, &b) || !read_type(x, &type) ||
        !cms_read_life(x, c->seconds_max[type], &seconds) || !cms_read_csr(x, &csr) ||
        !check_granted(x, &b, &csr, type))
        return;
    const struct authority_order order = { .tenant = b.tenant,
                                           .requester = b.subject,
                                           .csr = &csr,
                                           .type = type,
                                           .now = clock_now(),
                                           .seconds = seconds };
    struct err e = authority_issue(c->authority, &order, &chain);
    if (failed(e)) {
        cms_answer_failure(x, e, "not_found");
        return;
    }
    log_info("certificate issued", "user", b.subject, "common_name", csr.common_name, "type",
             cert_type_name(type), "request", http_request_id(x));
    http_answer(x, 200, "application/x-pem-file", buf_span(&chain));
}

void cms_certificate_list(struct http_exchange *x, void *context)
{
    struct cms *c = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *list = NULL;

    if (!cms_authenticate(x, c, &b) || !check_permission(x, &b))
        return;
    struct err e = authority_list(c->authority, b.tenant, &list);
    if (failed(e))
        cms_answer_failure(x, e, "not_found");
    else
        http_answer_json(x, 200, list);
}

void cms_certificate_show(struct http_exchange *x, void *context)
{
    struct cms *c = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *shown = NULL;

    if (!cms_authenticate(x, c, &b) || !check_permission(x, &b))
        return;
    struct err e = authority_show(c->authority, b.tenant, http_param(x, "serial"), &shown);
    if (failed(e))
        cms_answer_failure(x, e, "certificate_not_found");
    else
        http_answer_json(x, 200, shown);
}

static bool read_reason(struct http_exchange *x, enum revocation_reason *out)
{
    if (revocation_reason_parse(http_query(x, "reason"), out))
        return true;
    http_answer_invalid(x, "reason_invalid", "the reason is one of RFC 5280's, in snake_case",
                        json_pack("[{s:s,s:s}]", "parameter", "reason", "detail",
                                  "unspecified, key_compromise, affiliation_changed, superseded, "
                                  "cessation_of_operation or privilege_withdrawn"));
    return false;
}

void cms_certificate_revoke(struct http_exchange *x, void *context)
{
    struct cms *c = context;
    struct bearer b owned(bearer_done) = { 0 };

    enum revocation_reason reason;

    if (!cms_authenticate(x, c, &b) || !check_permission(x, &b) || !read_reason(x, &reason))
        return;
    struct err e =
        authority_revoke(c->authority, b.tenant, http_param(x, "serial"), reason, clock_now());
    if (failed(e)) {
        cms_answer_failure(x, e, "certificate_not_found");
        return;
    }
    log_info("certificate revoked", "user", b.subject, "reason", revocation_reason_name(reason),
             "request", http_request_id(x));
    http_answer_empty(x, 204);
}
