// SPDX-License-Identifier: Apache-2.0
/* What the verifier says of each scenario of an SNP guest, with the certificates of its host and with the vendor's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/crypto.h"
#include "failed_check.h"
#include "teesim/platform.h"

#define PART_MAX (1U << 18)

/* Keys take long to make: one folder a product. */
static char folders[][32] = { "", "/tmp/warder-snp-XXXXXX", "/tmp/warder-snp-XXXXXX", "/tmp/warder-snp-XXXXXX" };

static int folders_open(void **state)
{
    (void)state;
    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++)
        if (!mkdtemp(folders[p]))
            return 1;
    return 0;
}

static int folders_close(void **state)
{
    (void)state;
    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++) {
        char command[64];
        snprintf(command, sizeof(command), "rm -rf %s", folders[p]);
        if (system(command) != 0)
            return 1;
    }
    return 0;
}

/* What the vendor has for what the evidence needs. */
static void load(struct platform *p, const struct verifier *v, const struct collateral_key *key, struct collateral_set **out)
{
    struct buf chain owned(buf_done) = buf_of(PART_MAX), crl owned(buf_done) = buf_of(PART_MAX), vcek owned(buf_done) = buf_of(PART_MAX);
    uint8_t tcb[8], spl[FORGE_SPL_COUNT] = { 0 };
    bool turin = !strcmp(key->product, "Turin");

    assert_false(failed(snp_platform_chain(platform_snp(p), span_str(key->product), !strcmp(key->signer, "vlek"), &chain)));
    assert_false(failed(platform_snp_crl(p, span_str(key->product), &crl)));
    if (*key->chip) {
        assert_false(failed(hex_parse_exact(span_str(key->tcb), tcb, sizeof(tcb))));
        spl[9] = turin ? tcb[0] : 0;
        spl[1] = tcb[turin];
        spl[2] = tcb[1 + turin];
        spl[3] = tcb[turin ? 3 : 6];
        spl[8] = tcb[7];
        assert_false(failed(snp_platform_vcek(platform_snp(p), span_str(key->product), span_str(key->chip), spl, &vcek)));
    }
    struct collateral_raw raw = { .snp_chain = buf_span(&chain), .snp_crl = buf_span(&crl), .vcek = buf_span(&vcek) };
    assert_false(failed(collateral_set_load(v, &raw, out)));
}

static struct verify_result *judge(enum snp_product product, const char *scenario)
{
    struct platform_config config = { .dir = folders[product], .tee = FORGE_TDX4, .snp = product, .scenario = scenario };
    struct platform *p owned(platform_close) = NULL;
    struct verifier *v owned(verifier_free) = NULL;
    struct collateral_set *set owned(collateral_set_free) = NULL;
    struct buf evidence owned(buf_done) = buf_of(FORGE_QUOTE_MAX), root owned(buf_done) = buf_of(PART_MAX);
    struct verify_result *result = NULL;
    struct collateral_key key;
    uint8_t data[64];

    memset(data, 3, sizeof data);
    assert_false(failed(platform_open(&config, &p)));
    assert_false(failed(snp_platform_root(platform_snp(p), &root)));
    struct span pem = buf_span(&root);
    assert_false(failed(verifier_new(&pem, 1, &v)));
    assert_false(failed(platform_quote(p, data, &evidence)));
    assert_false(failed(platform_auxiliary(p, &evidence)));
    assert_false(failed(evidence_needs(buf_span(&evidence), &key)));
    load(p, v, &key, &set);
    assert_false(failed(verify_evidence(v, buf_span(&evidence), set, clock_now(), SPAN_OF(data), &result)));
    return result;
}

static void scenarios_have_their_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *scenario, *check; /* NULL: verified */
    } rows[] = {
        { "ok", NULL },
        { "vlek", NULL },
        { "no-certificates", NULL },
        { "no-certificates,out-of-date", NULL },
        { "debug", NULL },
        { "other-vmpl", NULL },
        { "provisional", NULL },
        { "out-of-date", NULL },
        { "wrong-measurement", NULL },
        { "tcb-mismatch", NULL }, /* the vendor has the right certificate */
        { "revoked", "snp_revocation" },
        { "vlek,revoked", "snp_revocation" },
        { "wrong-signer", "snp_chain" },
        { "forged-signature", "snp_report_signature" },
        { "wrong-report-data", "report_data" },
        { "masked-chip", "snp_chip_id" },
        { "masked-chip,no-certificates", "snp_certificate" },
        { "vlek,no-certificates", "snp_certificate" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct verify_result *r owned(verify_result_free) = judge(i % 2 ? SNP_TURIN : SNP_MILAN, rows[i].scenario);
        if (verify_result_verified(r) != !rows[i].check || (rows[i].check && !fails(r, rows[i].check)))
            fail_msg("%s: %s", rows[i].scenario, verify_result_reason(r));
    }
}

static void scenarios_show_in_claims(void **state)
{
    (void)state;
    struct verify_result *debug owned(verify_result_free) = judge(SNP_MILAN, "debug");
    struct verify_result *old owned(verify_result_free) = judge(SNP_GENOA, "out-of-date");

    assert_true(json_is_true(json_object_get(verify_result_claims(debug), "debug")));
    assert_int_equal(json_integer_value(json_object_get(verify_result_claims(old), "reported_tcb_microcode")), 100);
    assert_true(json_is_true(json_object_get(verify_result_claims(old), "revocation_checked")));
}

static void names_are_told(void **state)
{
    (void)state;
    struct platform_config config = { .dir = folders[SNP_TURIN] };

    assert_false(failed(platform_tee_parse(SPAN("snp-turin"), &config)));
    assert_int_equal(config.snp, SNP_TURIN);
    assert_true(failed(platform_tee_parse(SPAN("snp-rome"), &config)));
    config.scenario = "module-out-of-date"; /* a TD's */
    struct platform *p = NULL;
    assert_true(failed(platform_open(&config, &p)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_have_their_verdicts),
        cmocka_unit_test(scenarios_show_in_claims),
        cmocka_unit_test(names_are_told),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, folders_open, folders_close);
}
