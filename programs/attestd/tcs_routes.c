// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_routes.h"

#include <ctype.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/options.h"

#define INTEL_ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define TEXT_TYPE "text/html; charset=utf-8"
#define JSON_TYPE "application/json; charset=utf-8"
#define HEX_TYPE "application/x-pem-file; charset=utf-8"
#define DER_TYPE "application/pkix-crl"

static void answer_text(struct http_exchange *x, int status, const char *text)
{
    http_answer(x, status, TEXT_TYPE, span_str(text));
}

static void answer_bad_parameter(struct http_exchange *x)
{
    answer_text(x, 400, "Invalid request parameters.");
}

static void answer_without(struct http_exchange *x, struct err e)
{
    if (e.kind == FAIL_ABSENT) {
        answer_text(x, 404, "No cache data for this platform.");
        return;
    }
    log_err(e, "collateral cannot be served", "request", http_request_id(x));
    answer_text(x, 503, "Server is currently unable to process the request.");
}

static bool equal_nocase(struct span s, const char *word)
{
    if (s.len != strlen(word))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (tolower(s.at[i]) != word[i])
            return false;
    return true;
}

/* Header names in their usual spelling. */
static const char *shown_header(enum tcs_kind kind)
{
    switch (kind) {
    case TCS_TCB_INFO:
        return "TCB-Info-Issuer-Chain";
    case TCS_QE_IDENTITY:
        return "SGX-Enclave-Identity-Issuer-Chain";
    case TCS_PCK_CRL:
        return "SGX-PCK-CRL-Issuer-Chain";
    case TCS_ROOT_CRL:
        break;
    }
    return NULL;
}

static bool find(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id,
                 struct tcs_item *item)
{
    http_answer_header(x, "Request-ID", http_request_id(x));
    struct err e = tcs_cache_get(s->cache, id, clock_now(), item);
    if (!failed(e) && item->untrusted)
        e = FAIL(UPSTREAM, "what the upstream has is signed by nobody we trust");
    if (failed(e)) {
        answer_without(x, e);
        return false;
    }
    if (item->chain && shown_header(id->kind))
        http_answer_header(x, shown_header(id->kind), item->chain);
    return true;
}

static void serve_json(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id)
{
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    if (find(x, s, id, &item))
        http_answer(x, 200, JSON_TYPE, buf_span(&item.body));
}

static void serve_crl(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id,
                      bool der, const char *hex_type)
{
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    struct buf hex owned(buf_done) = buf_of(2 * TCS_BODY_MAX);
    if (!find(x, s, id, &item))
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

static void serve_tcb(struct http_exchange *x, struct tcs_service *s, bool tdx)
{
    struct tcs_id id = { .kind = TCS_TCB_INFO, .tdx = tdx };
    if (!tcs_fmspc_parse(http_query(x, "fmspc"), id.fmspc) || !read_update(x, &id.early))
        answer_bad_parameter(x);
    else
        serve_json(x, s, &id);
}

static void sgx_tcb(struct http_exchange *x, void *context)
{
    serve_tcb(x, context, false);
}

static void tdx_tcb(struct http_exchange *x, void *context)
{
    serve_tcb(x, context, true);
}

static void serve_identity(struct http_exchange *x, struct tcs_service *s, bool tdx)
{
    struct tcs_id id = { .kind = TCS_QE_IDENTITY, .tdx = tdx };
    if (!read_update(x, &id.early))
        answer_bad_parameter(x);
    else
        serve_json(x, s, &id);
}

static void sgx_identity(struct http_exchange *x, void *context)
{
    serve_identity(x, context, false);
}

static void tdx_identity(struct http_exchange *x, void *context)
{
    serve_identity(x, context, true);
}

static void pck_crl(struct http_exchange *x, void *context)
{
    struct span ca = http_query(x, "ca");
    struct tcs_id id = { .kind = TCS_PCK_CRL, .platform_ca = equal_nocase(ca, "platform") };
    if (!id.platform_ca && !equal_nocase(ca, "processor"))
        answer_bad_parameter(x);
    else
        serve_crl(x, context, &id, equal_nocase(http_query(x, "encoding"), "der"), HEX_TYPE);
}

static void root_crl(struct http_exchange *x, void *context)
{
    struct tcs_id id = { .kind = TCS_ROOT_CRL };
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
    if (!known)
        answer_bad_parameter(x);
    else
        serve_crl(x, s, &id, true, DER_TYPE);
}

static void health(struct http_exchange *x, void *context)
{
    struct tcs_service *s = context;
    struct tcs_health h;
    char when[CLOCK_TEXT_MAX];
    tcs_cache_health(s->cache, &h);
    bool expired = h.earliest_end && h.earliest_end < clock_now();
    json_t *j = json_object(), *parts = json_object();
    json_set_str(j, "service", "tcs");
    json_set_str(j, "status", expired && h.upstream_failing ? "degraded" : "ok");
    json_set_str(j, "version", WARDER_VERSION);
    json_set_str(parts, "upstream", h.upstream_failing ? "failing" : "ok");
    json_set_int(parts, "items", (int64_t)h.items);
    if (h.earliest_end)
        json_set_str(parts, "earliest_end", clock_format(h.earliest_end, when));
    json_object_set_new(j, "parts", parts);
    http_answer_json(x, expired && h.upstream_failing ? 503 : 200, j);
}

const struct http_route tcs_routes[] = {
    { "GET", "/sgx/certification/v4/tcb", ROUTE_OPEN, sgx_tcb },
    { "GET", "/tdx/certification/v4/tcb", ROUTE_OPEN, tdx_tcb },
    { "GET", "/sgx/certification/v4/qe/identity", ROUTE_OPEN, sgx_identity },
    { "GET", "/tdx/certification/v4/qe/identity", ROUTE_OPEN, tdx_identity },
    { "GET", "/sgx/certification/v4/pckcrl", ROUTE_OPEN, pck_crl },
    { "GET", "/sgx/certification/v4/rootcacrl", ROUTE_OPEN, root_crl },
    { "GET", "/sgx/certification/v4/crl", ROUTE_OPEN, crl_by_uri },
    { "GET", "/health", ROUTE_OPEN, health },
    { 0 },
};
