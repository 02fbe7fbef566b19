// SPDX-License-Identifier: Apache-2.0
#include "real_claims.h"

#include "../verify/azure_set.h"

#define CLOCK_TPM 1764000000
#define CLOCK_SNP 1740000000

enum form { QUOTE, REPORT, TPM, AZURE_SNP, AZURE_TDX };

static const struct source {
    const char *name, *more; /* more: signature and registers of a TPM's set, hardware of Azure's */
    enum form form;
} sources[] = {
    { "intel/sgx3-plat-00606a000000-77bcbd-ev15-2759", NULL, QUOTE },
    { "intel/sgx3-proc-00906ed50000-334652-ev17-99e2", NULL, QUOTE },
    { "intel/tdx4-plat-00806f050000-a187b0-ev17-1987", NULL, QUOTE },
    { "intel/tdx5td15-plat-00806f050000-67adfc-ev17-1987", NULL, QUOTE },
    { "intel/tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07", NULL, QUOTE },
    { "snp/milan-vcek-v3-49d19193", NULL, REPORT },
    { "snp/genoa-vcek-v5-6d1ceffa", NULL, REPORT },
    { "snp/turin-vcek-v5-3f44a09b", NULL, REPORT },
    { "snp/milan-vlek-v3-decdab94", NULL, REPORT },
    { "tpm/swtpm-ecc-logs", "quote.msg quote.sig pcrs.json", TPM },
    { "tpm/gce-gce-cos-85-nonce9009", "quote_sha256.msg quote_sha256.sig pcrs_sha256.json", TPM },
    { "snp-coco-evidence-genoa", "snp/genoa-vcek-v3-227a641d", AZURE_SNP },
    { "tdx-coco-evidence-v0", "intel/tdx4-plat-00806f050000-a187b0-ev17-1987", AZURE_TDX },
};

static json_t *claims_of(const struct verify_result *r)
{
    json_t *claims = json_deep_copy(verify_result_claims(r));

    assert_non_null(claims);
    if (!json_object_get(claims, "tee")) /* as the attestation service says it beside them */
        json_set_str(claims, "tee", verify_result_type(r));
    return claims;
}

static json_t *of_quote(const struct source *s)
{
    struct vector_set set owned(vector_set_done) = { 0 };

    if (!vector_set_load(vector_root(), s->name, &set))
        return NULL;
    if (!set.verify_at)
        set.verify_at = CLOCK_SNP;
    struct verify_result *r owned(verify_result_free) = vector_verify(&set);
    return claims_of(r);
}

static json_t *of_tpm(const struct source *s)
{
    struct tpm_set set owned(tpm_set_done);
    struct verifier *v owned(verifier_free) = NULL;
    struct verify_result *r owned(verify_result_free) = NULL;
    char folder[VECTOR_PATH_MAX], quote[64], signature[64], pcrs[64];

    tpm_set_init(&set);
    snprintf(folder, sizeof folder, "%s/%s", vector_root(), s->name);
    assert_int_equal(sscanf(s->more, "%63s %63s %63s", quote, signature, pcrs), 3);
    if (!tpm_set_file(&set, TPM_PART_QUOTE, folder, quote))
        return NULL;
    assert_true(tpm_set_file(&set, TPM_PART_SIGNATURE, folder, signature));
    assert_true(tpm_set_file(&set, TPM_PART_AK, folder, "ak_pub.tpmt"));
    assert_true(tpm_set_file(&set, TPM_PART_EVENT_LOG, folder, "event_log.bin"));
    (void)tpm_set_file(&set, TPM_PART_IMA_LOG, folder, "ima.ascii");
    tpm_set_pcrs(&set, folder, pcrs);
    tpm_set_make(&set);
    assert_ok(verifier_new(NULL, 0, &v));
    tpm_set_enrol(&set, v);
    assert_ok(verify_evidence(v, buf_span(&set.evidence), NULL, CLOCK_TPM, (struct span){ 0 }, &r));
    return claims_of(r);
}

static json_t *of_azure(const struct source *s)
{
    struct azure_set set owned(azure_set_done) = { 0 };

    if (!azure_set_load(&set, s->name, s->more, s->form == AZURE_SNP))
        return NULL;
    struct verify_result *r owned(verify_result_free) = azure_set_verify(&set);
    return claims_of(r);
}

bool real_claims(size_t at, const char **name, json_t **claims)
{
    if (at >= sizeof sources / sizeof sources[0])
        return false;
    const struct source *s = &sources[at];
    *name = s->name;
    switch (s->form) {
    case QUOTE:
    case REPORT:
        *claims = of_quote(s);
        break;
    case TPM:
        *claims = of_tpm(s);
        break;
    case AZURE_SNP:
    case AZURE_TDX:
        *claims = of_azure(s);
        break;
    }
    return true;
}
