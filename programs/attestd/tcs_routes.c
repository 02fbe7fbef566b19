// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_routes.h"

#include "attestd/tcs_answer.h"
#include "base/hex.h"

#define INTEL_ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"

static void serve_json(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id)
{
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    if (tcs_find(x, s, id, &item))
        http_answer(x, 200, PCCS_JSON_TYPE, buf_span(&item.body));
}

static void serve_crl(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id,
                      bool der, const char *hex_type)
{
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    struct buf hex owned(buf_done) = buf_of(2 * TCS_BODY_MAX);
    if (!tcs_find(x, s, id, &item))
        return;
    if (der) {
        http_answer(x, 200, DER_TYPE, buf_span(&item.body));
        return;
    }
    hex_add(&hex, buf_span(&item.body));
    http_answer(x, 200, hex_type, buf_span(&hex));
}

/* "update": standard (also when absent) or early. */
static bool read_update(const struct http_exchange *x, bool *early)
{
    struct span update = http_query(x, "update");
    *early = span_equal_str(update, "early");
    return !http_has_query(x, "update") || *early || span_equal_str(update, "standard");
}

/* Documents of version 3 are others than those of version 4, and no upstream has them any more. */
static void serve_document(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id)
{
    if (pccs_is_v3(x))
        pccs_answer(x, 404);
    else
        serve_json(x, s, id);
}

static void serve_tcb(struct http_exchange *x, struct tcs_service *s, bool tdx)
{
    struct tcs_id id = { .kind = TCS_TCB_INFO, .tdx = tdx };
    pccs_begin(x);
    if (!tcs_fmspc_parse(http_query(x, "fmspc"), id.fmspc) || !read_update(x, &id.early))
        pccs_answer(x, 400);
    else
        serve_document(x, s, &id);
}

static void sgx_tcb(struct http_exchange *x, void *context)
{
    serve_tcb(x, context, false);
}

static void tdx_tcb(struct http_exchange *x, void *context)
{
    serve_tcb(x, context, true);
}

static void serve_identity(struct http_exchange *x, struct tcs_service *s, struct tcs_id id)
{
    pccs_begin(x);
    if (!read_update(x, &id.early))
        pccs_answer(x, 400);
    else
        serve_document(x, s, &id);
}

static void sgx_identity(struct http_exchange *x, void *context)
{
    serve_identity(x, context, (struct tcs_id){ .kind = TCS_QE_IDENTITY });
}

static void tdx_identity(struct http_exchange *x, void *context)
{
    serve_identity(x, context, (struct tcs_id){ .kind = TCS_QE_IDENTITY, .tdx = true });
}

static void qve_identity(struct http_exchange *x, void *context)
{
    serve_identity(x, context, (struct tcs_id){ .kind = TCS_QVE_IDENTITY });
}

static void pck_crl(struct http_exchange *x, void *context)
{
    struct span ca = http_query(x, "ca");
    struct tcs_id id = { .kind = TCS_PCK_CRL, .platform_ca = equal_nocase(ca, "platform") };
    pccs_begin(x);
    if (!id.platform_ca && !equal_nocase(ca, "processor"))
        pccs_answer(x, 400);
    else
        serve_crl(x, context, &id, equal_nocase(http_query(x, "encoding"), "der"), PCCS_HEX_TYPE);
}

static void root_crl(struct http_exchange *x, void *context)
{
    struct tcs_id id = { .kind = TCS_ROOT_CRL };
    pccs_begin(x);
    serve_crl(x, context, &id, false, DER_TYPE "; charset=utf-8");
}

/* The one list that a distribution point in Intel's certificates names; no other address is ever
 * fetched (L15). */
static void crl_by_uri(struct http_exchange *x, void *context)
{
    struct tcs_service *s = context;
    struct span uri = http_query(x, "uri");
    struct tcs_id id = { .kind = TCS_ROOT_CRL };
    bool known = span_equal_str(uri, INTEL_ROOT_CRL) ||
                 (s->root_crl_url && *s->root_crl_url && span_equal_str(uri, s->root_crl_url));
    pccs_begin(x);
    if (!known)
        pccs_answer(x, 400);
    else
        serve_crl(x, s, &id, true, DER_TYPE);
}

const struct http_route tcs_routes[] = {
    { "GET", "/sgx/certification/v4/tcb", ROUTE_OPEN, sgx_tcb },
    { "GET", "/tdx/certification/v4/tcb", ROUTE_OPEN, tdx_tcb },
    { "GET", "/sgx/certification/v4/qe/identity", ROUTE_OPEN, sgx_identity },
    { "GET", "/tdx/certification/v4/qe/identity", ROUTE_OPEN, tdx_identity },
    { "GET", "/sgx/certification/v4/qve/identity", ROUTE_OPEN, qve_identity },
    { "GET", "/sgx/certification/v4/pckcrl", ROUTE_OPEN, pck_crl },
    { "GET", "/sgx/certification/v4/rootcacrl", ROUTE_OPEN, root_crl },
    { "GET", "/sgx/certification/v4/crl", ROUTE_OPEN, crl_by_uri },
    { "GET", "/sgx/certification/v4/pckcert", ROUTE_OPEN, pck_certificate },
    { "POST", "/sgx/certification/v4/platforms", ROUTE_PROOF, platforms_register },
    { "GET", "/sgx/certification/v4/platforms", ROUTE_PROOF, platforms_list },
    { "PUT", "/sgx/certification/v4/platformcollateral", ROUTE_PROOF, platform_collateral },
    { "GET", "/sgx/certification/v4/refresh", ROUTE_PROOF, pccs_refresh },
    { "POST", "/sgx/certification/v4/refresh", ROUTE_PROOF, pccs_refresh },
    { "GET", "/sgx/certification/v4/appraisalpolicy", ROUTE_OPEN, appraisal_policy_get },
    { "PUT", "/sgx/certification/v4/appraisalpolicy", ROUTE_PROOF, appraisal_policy_put },
    { "GET", "/sgx/certification/v3/tcb", ROUTE_OPEN, sgx_tcb },
    { "GET", "/sgx/certification/v3/qe/identity", ROUTE_OPEN, sgx_identity },
    { "GET", "/sgx/certification/v3/qve/identity", ROUTE_OPEN, qve_identity },
    { "GET", "/sgx/certification/v3/pckcrl", ROUTE_OPEN, pck_crl },
    { "GET", "/sgx/certification/v3/rootcacrl", ROUTE_OPEN, root_crl },
    { "GET", "/sgx/certification/v3/crl", ROUTE_OPEN, crl_by_uri },
    { "GET", "/sgx/certification/v3/pckcert", ROUTE_OPEN, pck_certificate },
    { "POST", "/sgx/certification/v3/platforms", ROUTE_PROOF, platforms_register },
    { "GET", "/sgx/certification/v3/platforms", ROUTE_PROOF, platforms_list },
    { "PUT", "/sgx/certification/v3/platformcollateral", ROUTE_PROOF, platform_collateral },
    { "GET", "/sgx/certification/v3/refresh", ROUTE_PROOF, pccs_refresh },
    { "POST", "/sgx/certification/v3/refresh", ROUTE_PROOF, pccs_refresh },
    { "GET", "/vcek/v1/{product}/cert_chain", ROUTE_OPEN, kds_vcek_chain },
    { "GET", "/vcek/v1/{product}/crl", ROUTE_OPEN, kds_vcek_crl },
    { "GET", "/vcek/v1/{product}/{chip}", ROUTE_OPEN, kds_vcek },
    { "GET", "/vlek/v1/{product}/cert_chain", ROUTE_OPEN, kds_vlek_chain },
    { "GET", "/vlek/v1/{product}/crl", ROUTE_OPEN, kds_vlek_crl },
    { "GET", "/tcs/v1/collateral", ROUTE_BEARER, collateral_list,
      .needs = "TCS:collateral:search" },
    { "POST", "/tcs/v1/collateral/refresh", ROUTE_BEARER, collateral_refresh,
      .needs = "TCS:collateral:refresh" },
    { "GET", "/tcs/v1/collateral/export", ROUTE_BEARER, collateral_export,
      .needs = "TCS:collateral:export" },
    { "POST", "/tcs/v1/collateral/import", ROUTE_BEARER, collateral_import,
      .needs = "TCS:collateral:import" },
    { "GET", "/tcs/v1/forecast", ROUTE_BEARER, collateral_forecast,
      .needs = "TCS:collateral:search" },
    { "GET", "/metrics", ROUTE_OPEN, tcs_metrics },
    { "GET", "/health", ROUTE_OPEN, tcs_health },
    { 0 },
};
