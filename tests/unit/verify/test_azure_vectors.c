// SPDX-License-Identifier: Apache-2.0
/* Genuine evidence of Azure confidential VMs, with genuine collateral of their hardware. */
#include "tpm_set.h"

#include "base/base64.h"
#include "base/file.h"

struct known {
    const char *set, *hardware; /* folder below vectors with the collateral */
    bool snp;
};

static const struct known rows[] = {
    { "snp-coco-evidence-genoa", "snp/genoa-vcek-v3-227a641d", true },
    { "snp-coco-evidence-v0", "snp/milan-vcek-v2-2e63568e", true },
    { "snp-coco-evidence-v1", "snp/milan-vcek-v2-2e63568e", true },
    { "snp-coco-evidence-v2", "snp/milan-vcek-v2-2e63568e", true },
    { "tdx-coco-evidence-v0", "intel/tdx4-plat-00806f050000-a187b0-ev17-1987", false },
    { "tdx-coco-evidence-v1", "intel/tdx4-plat-00806f050000-a187b0-ev17-1987", false },
};

static bool folder_of(const char *set, char out[VECTOR_PATH_MAX])
{
    char name[128];

    snprintf(out, VECTOR_PATH_MAX, "%s/azure/%s", vector_root(), set);
    if (file_exists(out))
        return true;
    snprintf(name, sizeof(name), "azure/%s", set);
    return vector_more(name, out);
}

static void chain_read(const char *hardware, struct buf *out)
{
    char path[2 * VECTOR_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s/cert_chain.pem", vector_root(), hardware);
    assert_ok(file_read(path, out));
}

static void row_run(const struct known *k, unsigned *count)
{
    struct tpm_set s owned(tpm_set_done);
    struct buf vcek owned(buf_done) = buf_of(1U << 16), chain owned(buf_done) = buf_of(1U << 16);
    struct collateral_dir dir owned(collateral_dir_done) = { 0 };
    struct verifier *v owned(verifier_free) = NULL;
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct verify_result *r owned(verify_result_free) = NULL;
    char folder[VECTOR_PATH_MAX], path[2 * VECTOR_PATH_MAX];
    int64_t at = 1760000000;

    tpm_set_init(&s);
    if (!folder_of(k->set, folder))
        return;
    assert_true(tpm_set_file(&s, TPM_PART_QUOTE, folder, "tpm_quote.msg"));
    assert_true(tpm_set_file(&s, TPM_PART_SIGNATURE, folder, "tpm_quote.sig"));
    assert_true(tpm_set_file(&s, TPM_PART_HCL_REPORT, folder, "hcl_report.bin"));
    tpm_set_pcrs(&s, folder, "pcrs.json");
    tpm_set_wrap_signature(&s);
    struct collateral_raw raw = { 0 };
    if (k->snp) {
        snprintf(path, sizeof(path), "%s/vcek.pem", folder);
        assert_ok(file_read(path, &vcek));
        chain_read(k->hardware, &chain);
        raw.vcek = buf_span(&vcek);
        raw.snp_chain = buf_span(&chain);
    } else {
        assert_true(tpm_set_file(&s, TPM_PART_HARDWARE, folder, "td_quote.bin"));
        snprintf(path, sizeof(path), "%s/%s", vector_root(), k->hardware);
        assert_ok(collateral_dir_load(path, &dir));
        raw = collateral_dir_raw(&dir);
        at = 1740714290;
    }
    tpm_set_make(&s);
    assert_ok(verifier_new(NULL, 0, &v));
    assert_ok(collateral_set_load(v, &raw, &c));
    assert_ok(verify_evidence(v, buf_span(&s.evidence), c, at, (struct span){ 0 }, &r));
    if (!verify_result_verified(r))
        fail_msg("%s: %s", k->set, verify_result_reason(r));
    const json_t *claims = verify_result_claims(r);
    assert_string_equal(json_string_value(json_object_get(claims, "root")), "vendor");
    assert_string_equal(json_string_value(json_object_get(claims, "hardware")), k->snp ? "snp" : "tdx");
    assert_string_equal(json_string_value(json_object_get(claims, "tpm.ak_trust")), "hardware_report");
    assert_non_null(json_object_get(claims, "tpm.pcr_sha256_0"));
    ++*count;

    /* Another machine's runtime data, of the same length or not, is not what the hardware signed. */
    struct buf *hcl = &s.parts[TPM_PART_HCL_REPORT];
    for (size_t flip = 1236; flip < 1236 + 1100; flip += 101) {
        struct verify_result *bad owned(verify_result_free) = NULL;
        hcl->at[flip] ^= 1;
        tpm_set_make(&s);
        assert_ok(verify_evidence(v, buf_span(&s.evidence), c, at, (struct span){ 0 }, &bad));
        assert_false(verify_result_verified(bad));
        hcl->at[flip] ^= 1;
    }
}

static void genuine_sets(void **state)
{
    (void)state;
    unsigned count = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        row_run(&rows[i], &count);
    printf("%u genuine sets verified\n", count);
    assert_true(count >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
