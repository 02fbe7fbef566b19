// SPDX-License-Identifier: Apache-2.0
/* Genuine evidence of Azure confidential VMs, with genuine collateral of their hardware. */
#include "azure_set.h"

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

static void row_run(const struct known *k, unsigned *count)
{
    struct azure_set set owned(azure_set_done) = { 0 };

    if (!azure_set_load(&set, k->set, k->hardware, k->snp))
        return;
    struct verify_result *r owned(verify_result_free) = azure_set_verify(&set);
    if (!verify_result_verified(r))
        fail_msg("%s: %s", k->set, verify_result_reason(r));
    const json_t *claims = verify_result_claims(r);
    assert_string_equal(json_string_value(json_object_get(claims, "root")), "vendor");
    assert_string_equal(json_string_value(json_object_get(claims, "hardware")), k->snp ? "snp" : "tdx");
    assert_string_equal(json_string_value(json_object_get(claims, "tpm.ak_trust")), "hardware_report");
    assert_non_null(json_object_get(claims, "tpm.pcr_sha256_0"));
    ++*count;

    /* Another machine's runtime data, of the same length or not, is not what the hardware signed. */
    struct buf *hcl = &set.parts.parts[TPM_PART_HCL_REPORT];
    for (size_t flip = 1236; flip < 1236 + 1100; flip += 101) {
        hcl->at[flip] ^= 1;
        tpm_set_make(&set.parts);
        struct verify_result *bad owned(verify_result_free) = azure_set_verify(&set);
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
