// SPDX-License-Identifier: Apache-2.0
/* The vTPM of an Azure confidential VM, forged whole, with one thing wrong at a time (facts 24). */
#include "forge_case.h"
#include "tpm_case.h"

#include "base/writer.h"
#include "crypto/crypto.h"
#include "evidence/hcl_report.h"
#include "teesim/snp_forge.h"

#define TYPE_SNP 2
#define TYPE_TDX 4

static struct {
    struct forge_snp_pki snp;
    struct verifier *verifier;
} azure;

static int azure_open(void **state)
{
    if (world_open(state))
        return 1;
    assert_ok(forge_snp_pki_open(NULL, SNP_MILAN, &azure.snp));
    const struct span roots[] = { buf_span(&azure.snp.ark.der), buf_span(&world.pki.root.der) };
    return failed(verifier_new(roots, 2, &azure.verifier));
}

static int azure_close(void **state)
{
    verifier_free(TAKE(azure.verifier));
    forge_snp_pki_done(&azure.snp);
    return world_close(state);
}

struct azure_case {
    const char *name, *fails;
    /* The runtime data in place of {"keys":[AK],"user-data":...}; %s is the AK's JWK. */
    const char *runtime;
    uint32_t hash, vmpl, report_type;
    bool tail_set;       /* the report data does not end with zeros */
    bool other_runtime;  /* the hardware signed another runtime data */
    bool vlek;
    bool ak_beside;      /* the evidence brings a public area */
    bool no_hardware;    /* no TD quote */
    bool other_quote;    /* TDX: the TD quote is over other report data */
    bool debug;
    bool stranger;       /* the quote is signed by another key */
};

#define GOOD "{\"keys\":[%s],\"vm-configuration\":{\"secure-boot\":true,\"vmUniqueId\":\"6332533D\"},\"user-data\":\"\"}"

static void jwk_of(const struct key *k, const char *kid, struct buf *out)
{
    json_t *jwk owned(json_free) = NULL;

    assert_ok(key_to_jwk(k, &jwk));
    json_set_str(jwk, "kid", kid);
    char *text owned(free) = json_text(jwk);
    buf_add_str(out, text);
}

static void runtime_make(const struct azure_case *c, const struct tpm_case *t, struct buf *out)
{
    struct buf jwk owned(buf_done) = buf_of(4096);
    const char *form = c->runtime ? c->runtime : GOOD;

    jwk_of(t->key, "HCLAkPub", &jwk);
    for (const char *at = form; *at; at++) {
        if (at[0] == '%' && at[1] == 's') {
            buf_add(out, buf_span(&jwk));
            at++;
        } else {
            buf_add_u8(out, (uint8_t)*at);
        }
    }
}

static void hcl_make(const struct azure_case *c, struct span hardware, struct span runtime, struct buf *out)
{
    buf_add(out, SPAN("HCLA"));
    write_u32le(out, 2);
    buf_extend(out, 24);
    buf_add(out, hardware);
    buf_extend(out, 1184 - hardware.len);
    write_u32le(out, (uint32_t)runtime.len + 20);
    write_u32le(out, 1);
    write_u32le(out, c->report_type);
    write_u32le(out, c->hash);
    write_u32le(out, (uint32_t)runtime.len);
    buf_add(out, runtime);
    buf_extend(out, 100);
}

static void bound_make(const struct azure_case *c, struct span runtime, uint8_t out[64])
{
    memset(out, 0, 64);
    assert_ok(digest_of(c->hash == HCL_SHA384 ? DIGEST_SHA384 : DIGEST_SHA256, runtime, out));
    if (c->tail_set)
        out[63] = 1;
    if (c->other_runtime)
        out[0] ^= 1;
}

struct hardware {
    struct buf report, along;
    struct collateral_set *collateral;
};

static void snp_make(const struct azure_case *c, const uint8_t bound[64], struct hardware *h)
{
    struct forge_snp_set s owned(forge_snp_set_done);
    struct forge_snp_knobs k;

    forge_snp_set_init(&s);
    forge_snp_defaults(&azure.snp, c->vlek, CASE_NOW, &k);
    memcpy(k.report + FORGE_SNP_REPORT_DATA, bound, 64);
    k.report[FORGE_SNP_VMPL] = (uint8_t)c->vmpl;
    assert_ok(forge_snp_make(&k, &s));
    buf_add(&h->report, buf_span(&s.report));
    assert_ok(forge_snp_table(&k, &h->along));
    struct collateral_raw raw = { .snp_chain = buf_span(&s.chain), .snp_crl = buf_span(&s.crl) };
    *(c->vlek ? &raw.vlek : &raw.vcek) = buf_span(&s.key);
    assert_ok(collateral_set_load(azure.verifier, &raw, &h->collateral));
}

static void tdx_make(const struct azure_case *c, const uint8_t bound[64], struct hardware *h)
{
    struct forge_set set owned(forge_set_done) = { 0 };
    struct forge_knobs k;

    forge_set_init(&set);
    forge_good(FORGE_TDX4, &k);
    memcpy(k.quote.body + 520, bound, 64);
    k.quote.body[520] ^= c->other_quote;
    k.quote.body[120] |= c->debug;
    assert_ok(forge_make(&k, &set));
    struct collateral_raw raw = forge_set_raw(&set);
    assert_ok(collateral_set_load(azure.verifier, &raw, &h->collateral));
    memcpy((uint8_t *)buf_extend(&h->report, HCL_TD_REPORT_SIZE) + HCL_TD_REPORT_DATA_AT, bound, 64);
    if (!c->no_hardware)
        buf_add(&h->along, buf_span(&set.quote));
}

static struct verify_result *case_verify(const struct azure_case *c, struct tpm_case *t)
{
    struct buf runtime owned(buf_done) = buf_of(16384), hcl owned(buf_done) = buf_of(32768);
    struct buf evidence owned(buf_done) = buf_of(TPM_EVIDENCE_MAX);
    struct hardware h = { .report = buf_of(4096), .along = buf_of(65536) };
    struct verify_result *r = NULL;
    uint8_t bound[64];

    tpm_case_make(t);
    runtime_make(c, t, &runtime);
    bound_make(c, buf_span(&runtime), bound);
    if (c->report_type == TYPE_TDX)
        tdx_make(c, bound, &h);
    else
        snp_make(c, bound, &h);
    hcl_make(c, buf_span(&h.report), buf_span(&runtime), &hcl);
    struct tpm_evidence e = { .parts = {
                                  [TPM_PART_QUOTE] = buf_span(&t->quote),
                                  [TPM_PART_SIGNATURE] = buf_span(&t->signature),
                                  [TPM_PART_AK] = c->ak_beside ? buf_span(&t->ak) : (struct span){ 0 },
                                  [TPM_PART_PCRS] = buf_span(&t->values),
                                  [TPM_PART_HCL_REPORT] = buf_span(&hcl),
                                  [TPM_PART_HARDWARE] = buf_span(&h.along),
                              } };
    assert_ok(tpm_evidence_write(&e, &evidence));
    assert_ok(verify_evidence(azure.verifier, buf_span(&evidence), h.collateral, CASE_NOW, SPAN_OF(tpm_case_report_data), &r));
    buf_done(&h.report);
    buf_done(&h.along);
    collateral_set_free(h.collateral);
    return r;
}

static const char *first_failing(const struct verify_result *r)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (checks[i].outcome == CHECK_FAILED && strcmp(checks[i].name, "tpm_key_trust") != 0)
            return checks[i].name;
    return "none";
}

#define SNP .report_type = TYPE_SNP, .hash = HCL_SHA256
#define TDX .report_type = TYPE_TDX, .hash = HCL_SHA256

static const struct azure_case cases[] = {
    { "SNP", "none", SNP },
    { "TDX", "none", TDX },
    { "SHA-384", "none", .report_type = TYPE_SNP, .hash = HCL_SHA384 },
    { "an unknown hash", "hcl_report", .report_type = TYPE_SNP, .hash = 7 },
    { "the tail of the report data is set", "hcl_binding", SNP, .tail_set = true },
    { "the hardware signed something else", "hcl_binding", SNP, .other_runtime = true },
    { "a TD's likewise", "hcl_binding", TDX, .other_runtime = true },
    { "VMPL 1", "hcl_vmpl", SNP, .vmpl = 1 },
    { "a lent key", "hcl_vmpl", SNP, .vlek = true },
    { "a TD report without a quote", "hcl_hardware", TDX, .no_hardware = true },
    { "a quote over other report data", "hcl_hardware", TDX, .other_quote = true },
    { "two attestation keys", "tpm_key", SNP, .runtime = "{\"keys\":[%s,%s]}" },
    { "no attestation key", "tpm_key", SNP, .runtime = "{\"keys\":[]}" },
    { "no keys", "tpm_key", SNP, .runtime = "{\"x\":1}" },
    { "keys that are no list", "tpm_key", SNP, .runtime = "{\"keys\":{\"0\":%s}}" },
    { "a member twice", "hcl_runtime_data", SNP, .runtime = "{\"keys\":[%s],\"keys\":[%s]}" },
    { "no JSON", "hcl_runtime_data", SNP, .runtime = "{\"keys\":[%s]" },
    { "an attestation key beside the bound one", "tpm_format", SNP, .ak_beside = true },
    { "signed by another key", "tpm_signature", SNP, .stranger = true },
};

static void one_thing_wrong_at_a_time(void **state)
{
    (void)state;
    struct tpm_case t owned(tpm_case_done);
    struct key *stranger owned(key_free) = NULL;

    tpm_case_init(&t, KEY_RSA);
    assert_ok(key_make_rsa(2048, &stranger));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        t.signer = cases[i].stranger ? stranger : NULL;
        struct verify_result *r owned(verify_result_free) = case_verify(&cases[i], &t);
        if (strcmp(first_failing(r), cases[i].fails) != 0)
            fail_msg("%s: fails %s (%s), not %s", cases[i].name, first_failing(r), verify_result_reason(r), cases[i].fails);
        assert_int_equal(verify_result_verified(r), strcmp(cases[i].fails, "none") == 0);
    }
}

static const char *claim_text(const struct verify_result *r, const char *name)
{
    const char *text = json_string_value(json_object_get(verify_result_claims(r), name));

    return text ? text : "absent";
}

static void claims_of_both_under_their_kinds(void **state)
{
    (void)state;
    struct tpm_case t owned(tpm_case_done);

    tpm_case_init(&t, KEY_RSA);
    struct verify_result *snp owned(verify_result_free) = case_verify(&cases[0], &t);
    assert_string_equal(verify_result_type(snp), "azure-vtpm");
    assert_string_equal(claim_text(snp, "tee"), "azure-vtpm");
    assert_string_equal(claim_text(snp, "hardware"), "snp");
    assert_string_equal(claim_text(snp, "tpm.ak_trust"), "hardware_report");
    assert_string_equal(claim_text(snp, "snp.product"), "Milan");
    assert_string_equal(claim_text(snp, "root"), "configured");
    assert_string_equal(claim_text(snp, "vm_unique_id"), "6332533D");
    assert_true(json_is_false(json_object_get(verify_result_claims(snp), "debug")));
    assert_non_null(json_object_get(verify_result_claims(snp), "tpm.pcr_sha256_4"));
    struct verify_result *tdx owned(verify_result_free) = case_verify(&cases[1], &t);
    assert_string_equal(claim_text(tdx, "tcb_status"), "UpToDate");
    assert_string_equal(claim_text(tdx, "tdx.tcb_status"), "UpToDate");
    assert_string_equal(verify_result_status(tdx), "UpToDate");
    assert_int_equal(strlen(claim_text(tdx, "tdx.mrtd")), 96);
    struct azure_case debug = { "debug", "none", TDX, .debug = true };
    struct verify_result *d owned(verify_result_free) = case_verify(&debug, &t);
    assert_true(json_is_true(json_object_get(verify_result_claims(d), "debug")));
}

static void the_nonce_counts_here_too(void **state)
{
    (void)state;
    struct tpm_case t owned(tpm_case_done);

    tpm_case_init(&t, KEY_RSA);
    t.extra.at[0] ^= 1;
    struct verify_result *r owned(verify_result_free) = case_verify(&cases[0], &t);
    assert_int_equal(vector_outcome(r, "report_data"), CHECK_FAILED);
    assert_false(verify_result_verified(r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thing_wrong_at_a_time),
        cmocka_unit_test(claims_of_both_under_their_kinds),
        cmocka_unit_test(the_nonce_counts_here_too),
    };
    return cmocka_run_group_tests(tests, azure_open, azure_close);
}
