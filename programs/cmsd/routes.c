// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "cmsd/cms.h"

const struct http_route cms_routes[] = {
    { "GET", "/health", ROUTE_OPEN, cms_health },
    { "GET", "/cms/v1/version", ROUTE_OPEN, cms_version },
    { "GET", "/cms/v1/ca-certificates", ROUTE_OPEN, cms_ca_certificates },
    { "GET", "/cms/v1/crl", ROUTE_OPEN, cms_crl },
    { "POST", "/cms/v1/certificates", ROUTE_BEARER, cms_certificate_create,
      .needs = "CMS:CertApprover" },
    { "POST", "/cms/v1/renewals", ROUTE_PROOF, cms_certificate_renew },
    { "GET", "/cms/v1/certificates", ROUTE_BEARER, cms_certificate_list,
      .needs = "CMS:certificates:search" },
    { "GET", "/cms/v1/certificates/{serial}", ROUTE_BEARER, cms_certificate_show,
      .needs = "CMS:certificates:search" },
    { "DELETE", "/cms/v1/certificates/{serial}", ROUTE_BEARER, cms_certificate_revoke,
      .needs = "CMS:certificates:revoke" },
    { 0 },
};

/* The root is what others trust; the names of types are for its issuing CA. */
void cms_ca_certificates(struct http_exchange *x, void *context)
{
    static const char *const known[] = { "", "root", "TLS", "TLS-Client", "TLS-Server" };
    const struct cms *c = context;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (span_equal_str(http_query(x, "issuingCa"), known[i])) {
            http_answer(x, 200, "application/x-pem-file",
                        buf_span(i < 2 ? &c->root_pem : &c->issuing_pem));
            return;
        }
    }
    http_answer_invalid(x, "malformed_request", "issuingCa is root, TLS, TLS-Client or TLS-Server",
                        json_pack("[{s:s,s:s}]", "parameter", "issuingCa", "detail",
                                  "root, TLS, TLS-Client or TLS-Server"));
}

void cms_crl(struct http_exchange *x, void *context)
{
    struct cms *c = context;
    struct buf der owned(buf_done) = buf_of(2U << 20);

    struct err e = authority_crl(c->authority, clock_now(), &der);
    if (failed(e))
        cms_answer_failure(x, e, "not_found");
    else
        http_answer(x, 200, "application/pkix-crl", buf_span(&der));
}

void cms_version(struct http_exchange *x, void *context)
{
    (void)context;
    http_answer(x, 200, "text/plain", SPAN("Warder cmsd " WARDER_VERSION "\n"));
}

static bool store_answers(struct cms *c)
{
    struct statement *q;
    bool row = false;

    store_lock(c->store);
    struct err e = store_query(c->store, "SELECT 1", &q);
    if (!failed(e)) {
        e = store_step(q, &row);
        store_reset(q);
    }
    store_unlock(c->store);
    return !failed(e) && row;
}

void cms_health(struct http_exchange *x, void *context)
{
    struct cms *c = context;
    bool store = store_answers(c),
         root = cert_not_after(authority_cert(c->authority)) > clock_now();
    json_t *body = json_object();
    json_t *parts = json_object();

    json_set_str(body, "service", "cms");
    json_set_str(body, "status", store && root ? "ok" : "degraded");
    json_set_str(body, "version", WARDER_VERSION);
    json_set_str(parts, "store", store ? "ok" : "failing");
    json_set_str(parts, "authority", root ? "ok" : "expired");
    json_object_set_new(body, "parts", parts);
    http_answer_json(x, store && root ? 200 : 503, body);
}
