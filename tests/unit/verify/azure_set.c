// SPDX-License-Identifier: Apache-2.0
#include "azure_set.h"

#include "base/file.h"

#define CLOCK_SNP 1760000000
#define CLOCK_TDX 1740714290

static bool folder_of(const char *set, char out[VECTOR_PATH_MAX])
{
    char name[128];

    snprintf(out, VECTOR_PATH_MAX, "%s/azure/%s", vector_root(), set);
    if (file_exists(out))
        return true;
    snprintf(name, sizeof(name), "azure/%s", set);
    return vector_more(name, out);
}

static void hardware_of_snp(struct azure_set *a, const char *folder, const char *hardware,
                            struct collateral_raw *raw)
{
    char path[2 * VECTOR_PATH_MAX];

    snprintf(path, sizeof(path), "%s/vcek.pem", folder);
    assert_ok(file_read(path, &a->vcek));
    snprintf(path, sizeof(path), "%s/%s/cert_chain.pem", vector_root(), hardware);
    assert_ok(file_read(path, &a->chain));
    raw->vcek = buf_span(&a->vcek);
    raw->snp_chain = buf_span(&a->chain);
    a->at = CLOCK_SNP;
}

static void hardware_of_tdx(struct azure_set *a, const char *folder, const char *hardware,
                            struct collateral_raw *raw)
{
    char path[2 * VECTOR_PATH_MAX];

    assert_true(tpm_set_file(&a->parts, TPM_PART_HARDWARE, folder, "td_quote.bin"));
    snprintf(path, sizeof(path), "%s/%s", vector_root(), hardware);
    assert_ok(collateral_dir_load(path, &a->dir));
    *raw = collateral_dir_raw(&a->dir);
    a->at = CLOCK_TDX;
}

bool azure_set_load(struct azure_set *a, const char *set, const char *hardware, bool snp)
{
    struct collateral_raw raw = { 0 };
    char folder[VECTOR_PATH_MAX];

    *a = (struct azure_set){ .vcek = buf_of(1U << 16), .chain = buf_of(1U << 16) };
    tpm_set_init(&a->parts);
    if (!folder_of(set, folder))
        return false;
    assert_true(tpm_set_file(&a->parts, TPM_PART_QUOTE, folder, "tpm_quote.msg"));
    assert_true(tpm_set_file(&a->parts, TPM_PART_SIGNATURE, folder, "tpm_quote.sig"));
    assert_true(tpm_set_file(&a->parts, TPM_PART_HCL_REPORT, folder, "hcl_report.bin"));
    tpm_set_pcrs(&a->parts, folder, "pcrs.json");
    tpm_set_wrap_signature(&a->parts);
    if (snp)
        hardware_of_snp(a, folder, hardware, &raw);
    else
        hardware_of_tdx(a, folder, hardware, &raw);
    tpm_set_make(&a->parts);
    assert_ok(verifier_new(NULL, 0, &a->verifier));
    assert_ok(collateral_set_load(a->verifier, &raw, &a->collateral));
    return true;
}

void azure_set_done(struct azure_set *a)
{
    tpm_set_done(&a->parts);
    buf_done(&a->vcek);
    buf_done(&a->chain);
    collateral_dir_done(&a->dir);
    collateral_set_free(a->collateral);
    verifier_free(a->verifier);
}

struct verify_result *azure_set_verify(struct azure_set *a)
{
    struct verify_result *r = NULL;

    assert_ok(verify_evidence(a->verifier, buf_span(&a->parts.evidence), a->collateral, a->at,
                              (struct span){ 0 }, &r));
    return r;
}
