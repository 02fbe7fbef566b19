// SPDX-License-Identifier: Apache-2.0
/*
 * /cms/v1/renewals: a certificate in force authorises its successor, which has its type, no other
 * names than its own and a new key. Whoever is asked to renew shows it in TLS, so it holds the key;
 * the register says that it is this very certificate and was not revoked (L27).
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmsd/cms.h"

#define CHAIN_BYTES_MAX (128U << 10)

static bool refuse(struct http_exchange *x, int status, const char *code, const char *detail)
{
    log_warn("renewal refused", "code", code, "request", http_request_id(x));
    http_answer_problem(x, status, code, detail);
    return false;
}

static bool know_holder(struct http_exchange *x, struct cms *c, struct cert **cert,
                        struct authority_holder *out)
{
    struct span der = http_client_cert_der(x);

    if (!der.len)
        return refuse(x, 401, "client_certificate_missing",
                      "show the certificate that is to be renewed in the TLS handshake");
    struct err e = cert_from_der(der, cert);
    if (!failed(e))
        e = authority_know(c->authority, *cert, clock_now(), out);
    if (e.kind == FAIL_DENIED || e.kind == FAIL_INPUT)
        return refuse(x, 403, "client_certificate_refused", e.what);
    if (failed(e))
        cms_answer_failure(x, e, "not_found");
    return !failed(e);
}

/* Sound, and no more than the present certificate has. */
static bool check_request(struct http_exchange *x, const struct csr *csr,
                          const struct cert *present, const struct authority_holder *h)
{
    enum csr_verdict own = csr_check(csr);

    if (own != CSR_GOOD)
        return refuse(x, 400, csr_verdict_code(own), csr_verdict_text(own));
    if (!csr_names_within(csr, h->common_name, h->sans))
        return refuse(x, 403, "names_not_renewed",
                      "a renewal has the common name of the present certificate, and no other "
                      "alternative names");
    if (!csr_usages_within(csr, h->type))
        return refuse(x, 403, csr_verdict_code(CSR_USAGE_NOT_GRANTED),
                      csr_verdict_text(CSR_USAGE_NOT_GRANTED));
    if (key_same_public(csr->key, cert_key(present)))
        return refuse(x, 403, "key_not_new", "a renewal has a new key");
    return true;
}

void cms_certificate_renew(struct http_exchange *x, void *context)
{
    struct cms *c = context;
    struct cert *present owned(cert_free) = NULL;
    struct authority_holder h owned(authority_holder_done) = { 0 };
    struct csr csr owned(csr_done) = { 0 };
    struct buf chain owned(buf_done) = buf_of(CHAIN_BYTES_MAX);
    int64_t seconds;

    if (!know_holder(x, c, &present, &h) || !cms_read_life(x, c->seconds_max[h.type], &seconds) ||
        !cms_read_csr(x, &csr) || !check_request(x, &csr, present, &h))
        return;
    const struct authority_order order = { .tenant = h.tenant,
                                           .requester = "renewal",
                                           .csr = &csr,
                                           .type = h.type,
                                           .now = clock_now(),
                                           .seconds = seconds };
    struct err e = authority_issue(c->authority, &order, &chain);
    if (failed(e)) {
        cms_answer_failure(x, e, "not_found");
        return;
    }
    log_info("certificate renewed", "common_name", csr.common_name, "type", cert_type_name(h.type),
             "request", http_request_id(x));
    http_answer(x, 200, "application/x-pem-file", buf_span(&chain));
}
