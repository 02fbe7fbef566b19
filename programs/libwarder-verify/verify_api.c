// SPDX-License-Identifier: Apache-2.0
/* The installed face of verify/: plain C types in, nothing of ours out. */
#include "warder/verify.h"

#include "verify/verify.h"

#define ROOTS_MAX 16
#define EXPORTED __attribute__((visibility("default")))

static struct span span_of(struct warder_bytes b)
{
    return span_from(b.at, b.at ? b.len : 0);
}

EXPORTED struct warder_verifier *warder_verifier_new(const struct warder_bytes *roots, size_t count)
{
    struct span extra[ROOTS_MAX];
    struct verifier *v = NULL;

    if (count > ROOTS_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++)
        extra[i] = span_of(roots[i]);
    return failed(verifier_new(extra, count, &v)) ? NULL : (struct warder_verifier *)v;
}

EXPORTED void warder_verifier_free(struct warder_verifier *v)
{
    verifier_free((struct verifier *)v);
}

EXPORTED struct warder_collateral_set *warder_collateral_load(const struct warder_verifier *v, const struct warder_collateral *raw)
{
    struct collateral_set *set = NULL;
    const struct collateral_raw parts = {
        .tcb_info = span_of(raw->tcb_info), .qe_identity = span_of(raw->qe_identity),
        .tcb_signing_chain = span_of(raw->tcb_signing_chain), .pck_crl = span_of(raw->pck_crl),
        .pck_crl_issuer_chain = span_of(raw->pck_crl_issuer_chain), .root_ca_crl = span_of(raw->root_ca_crl),
    };

    return failed(collateral_set_load((const struct verifier *)v, &parts, &set)) ? NULL : (struct warder_collateral_set *)set;
}

EXPORTED void warder_collateral_free(struct warder_collateral_set *c)
{
    collateral_set_free((struct collateral_set *)c);
}

EXPORTED enum warder_verdict warder_verify(struct warder_verifier *v, struct warder_bytes evidence,
                                           const struct warder_collateral_set *c, int64_t at, const uint8_t report_data[64],
                                           char **json)
{
    struct verify_result *result owned(verify_result_free) = NULL;
    json_t *document owned(json_free) = NULL;

    if (json)
        *json = NULL;
    if (failed(verify_evidence((struct verifier *)v, span_of(evidence), (const struct collateral_set *)c, at,
                               span_from(report_data, report_data ? 64 : 0), &result)))
        return WARDER_ERROR;
    if (json) {
        if (failed(verify_result_json(result, &document)))
            return WARDER_ERROR;
        *json = json_text(document);
        if (!*json)
            return WARDER_ERROR;
    }
    return verify_result_verified(result) ? WARDER_VERIFIED : WARDER_REFUSED;
}
