// SPDX-License-Identifier: Apache-2.0
/* RFC 8693: a token of another issuer for one of ours. So every other program has one issuer to
 * verify, and what comes from outside is read in one place. */
#include "aasd/aas.h"

#include "aasd/issuer_keys.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"

#define TYPES "urn:ietf:params:oauth:token-type:"

/* Which issuer it says it is of: for choosing whose keys, nothing else. */
static bool find_issuer(const struct aas *a, struct span token, size_t *at)
{
    struct buf text owned(buf_done) = buf_of(JWT_TEXT_MAX);
    owned(json_free) json_t *claims = NULL;
    struct span rest = span_tail(token, span_find(token, SPAN(".")) + 1), issuer;

    if (token.len > BEARER_TEXT_MAX ||
        failed(base64url_parse(span_head(rest, span_find(rest, SPAN("."))), &text)) ||
        failed(json_parse_object(buf_span(&text), &claims)) ||
        failed(json_get_str(claims, "iss", "iss", &issuer)))
        return false;
    for (*at = 0; *at < a->issuers.count; ++*at) {
        if (span_equal_str(issuer, a->issuers.each[*at].issuer))
            return true;
    }
    return false;
}

static bool refuse(struct http_exchange *x, const struct issuer *i, struct err e,
                   enum jwt_fault fault)
{
    log_warn("token of another issuer refused", "issuer", i ? i->name : "(unknown)", "why", e.what,
             "peer", http_peer(x), "request", http_request_id(x));
    if (e.kind == FAIL_SYSTEM)
        aas_answer_failure(x, e, "token");
    else if (e.kind == FAIL_UPSTREAM)
        http_answer_problem(x, 503, "issuer_unavailable",
                            "the issuer's keys are not known, or too old to be believed");
    else
        http_answer_problem(
            x, 401, fault == JWT_EXPIRED ? "subject_token_expired" : "subject_token_refused",
            "the token is not one that is accepted here");
    return false;
}

static bool verify(struct http_exchange *x, struct aas *a, struct span token,
                   const struct issuer **issuer, json_t **claims)
{
    enum jwt_fault fault = JWT_MALFORMED;
    size_t at;

    if (!find_issuer(a, token, &at))
        return refuse(x, NULL, FAIL(DENIED, "not of an issuer that is configured"), fault);
    *issuer = &a->issuers.each[at];
    struct err e = issuer_keys_verify(a->issuer_keys, at, token, clock_now(), claims, &fault);
    return failed(e) ? refuse(x, *issuer, e, fault) : true;
}

/* Ours ends with theirs. */
static void give(struct http_exchange *x, struct aas *a, const struct issuer *i,
                 const json_t *theirs)
{
    owned(json_free) json_t *claims = NULL;
    struct user u = { 0 };
    char subject[EXTERNAL_SUBJECT_MAX + 1];
    uint64_t ends = 0;

    struct err e = json_get_u64(theirs, "exp", INT64_MAX / 2, "exp", &ends);
    if (!failed(e))
        e = issuer_subject(i, theirs, subject);
    if (!failed(e))
        e = issuer_role_claims(i, theirs, a->store, &claims);
    if (e.kind == FAIL_DENIED) {
        log_warn("unauthorized request", "user", subject, "code", "no_roles", "request",
                 http_request_id(x));
        http_answer_problem(x, 403, "no_roles", e.what);
        return;
    }
    int64_t left = (int64_t)ends - clock_now();
    if (!failed(e) && left <= 0)
        e = FAIL(INPUT, "the token has expired"); /* within the leeway */
    if (failed(e)) {
        refuse(x, i, e, JWT_MALFORMED);
        return;
    }
    snprintf(u.name, sizeof(u.name), "%s", subject);
    aas_give_token_of(x, a, i->tenant, &u, claims, left);
}

void aas_token_exchange(struct http_exchange *x, struct aas *a, json_t *body)
{
    static const char *const types[] = { TYPES "id_token", TYPES "jwt", TYPES "access_token",
                                         NULL };
    static const struct json_shape members[] = {
        { "grant_type", SHAPE_TEXT, true },
        { "subject_token", SHAPE_TEXT, true, .min = 1, .max = BEARER_TEXT_MAX },
        { "subject_token_type", SHAPE_TEXT, true, .words = types },
        { 0 }
    };
    owned(json_free) json_t *theirs = NULL;
    const struct issuer *i = NULL;
    struct span token = { 0 };

    if (!aas_body_shaped(x, body, members))
        return;
    struct err e = json_get_str(body, "subject_token", "subject_token", &token);
    if (failed(e))
        aas_answer_failure(x, e, "token");
    else if (verify(x, a, token, &i, &theirs))
        give(x, a, i, theirs);
}
