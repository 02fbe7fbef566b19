// SPDX-License-Identifier: Apache-2.0
/* What the verifier says of each scenario: the simulator is genuine enough, and each fault is the one meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "failed_check.h"
#include "teesim/platform.h"

struct collateral_files {
    struct buf tcb_info, identity, signing, crl_chain, root_crl, pck_crl;
};

static void files_donep(struct collateral_files *f)
{
    buf_done(&f->tcb_info);
    buf_done(&f->identity);
    buf_done(&f->signing);
    buf_done(&f->crl_chain);
    buf_done(&f->root_crl);
    buf_done(&f->pck_crl);
}

static void load(struct platform *p, const struct verifier *v, struct collateral_set **out)
{
    struct collateral_files f __attribute__((cleanup(files_donep))) = { buf_of(1 << 18), buf_of(1 << 18), buf_of(1 << 16),
                                                                        buf_of(1 << 16), buf_of(1 << 16), buf_of(1 << 16) };
    bool tdx = forge_tee_is_tdx(platform_tee(p));
    uint8_t fmspc[6];

    platform_fmspc(p, fmspc);
    assert_false(failed(platform_tcb_info(p, tdx, fmspc, &f.tcb_info)));
    assert_false(failed(platform_identity(p, tdx, &f.identity)));
    assert_false(failed(platform_signing_chain(p, &f.signing)));
    assert_false(failed(platform_crl_chain(p, platform_ca(p), &f.crl_chain)));
    assert_false(failed(platform_root_crl(p, &f.root_crl)));
    assert_false(failed(platform_pck_crl(p, platform_ca(p), &f.pck_crl)));
    struct collateral_raw raw = { .tcb_info = buf_span(&f.tcb_info),
                                  .qe_identity = buf_span(&f.identity),
                                  .tcb_signing_chain = buf_span(&f.signing),
                                  .pck_crl = buf_span(&f.pck_crl),
                                  .pck_crl_issuer_chain = buf_span(&f.crl_chain),
                                  .root_ca_crl = buf_span(&f.root_crl) };
    assert_false(failed(collateral_set_load(v, &raw, out)));
}

static struct verify_result *judge(enum forge_tee tee, const char *scenario, bool trusted)
{
    struct platform_config config = { .tee = tee, .scenario = scenario };
    struct platform *p owned(platform_close) = NULL;
    struct verifier *v owned(verifier_free) = NULL;
    struct collateral_set *set owned(collateral_set_free) = NULL;
    struct buf quote owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    struct verify_result *result = NULL;
    uint8_t data[64];

    memset(data, 3, sizeof data);
    assert_false(failed(platform_open(&config, &p)));
    struct span root = buf_span(&platform_pki(p)->root.der);
    assert_false(failed(verifier_new(&root, trusted ? 1 : 0, &v)));
    load(p, v, &set);
    assert_false(failed(platform_quote(p, data, &quote)));
    assert_false(failed(verify_evidence(v, buf_span(&quote), set, clock_now(), SPAN_OF(data), &result)));
    return result;
}

static size_t failures(const struct verify_result *r)
{
    const struct check *checks = NULL;
    size_t count = verify_result_checks(r, &checks), found = 0;

    for (size_t i = 0; i < count; i++)
        found += checks[i].outcome == CHECK_FAILED;
    return found;
}

static const enum forge_tee all_tees[] = { FORGE_SGX3, FORGE_TDX4, FORGE_TDX5_TD10, FORGE_TDX5, FORGE_TDX5_TD15EX };
#define TEE_COUNT (sizeof all_tees / sizeof all_tees[0])

static void statuses_are_the_vendors(void **state)
{
    (void)state;
    static const struct {
        const char *scenario, *status;
    } rows[] = {
        { "ok", "UpToDate" },
        { "processor-ca", "UpToDate" },
        { "debug", "UpToDate" },
        { "wrong-measurement", "UpToDate" },
        { "out-of-date", "OutOfDate" },
        { "configuration-needed", "ConfigurationNeeded" },
        { "sw-hardening-needed", "SWHardeningNeeded" },
        { "configuration-and-sw-hardening-needed", "ConfigurationAndSWHardeningNeeded" },
        { "out-of-date-configuration-needed", "OutOfDateConfigurationNeeded" },
        { "qe-out-of-date", "OutOfDate" },
        { "qe-out-of-date,configuration-needed", "OutOfDateConfigurationNeeded" },
        { "qe-out-of-date,sw-hardening-needed", "OutOfDate" },
    };

    for (size_t t = 0; t < TEE_COUNT; t++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct verify_result *r owned(verify_result_free) = judge(all_tees[t], rows[i].scenario, true);
            assert_string_equal(verify_result_reason(r), "");
            assert_true(verify_result_verified(r));
            assert_string_equal(verify_result_status(r), rows[i].status);
        }
}

static void tdx_modules_count(void **state)
{
    (void)state;
    static const struct {
        enum forge_tee tee;
        const char *scenario, *status;
    } rows[] = {
        { FORGE_TDX4, "module-out-of-date", "OutOfDate" },
        { FORGE_TDX5, "module-out-of-date", "OutOfDate" },
        { FORGE_TDX5, "relaunch-advised", "TDRelaunchAdvised" },
        { FORGE_TDX5_TD15EX, "relaunch-advised", "TDRelaunchAdvised" },
        { FORGE_TDX5, "relaunch-advised,configuration-needed", "TDRelaunchAdvisedConfigurationNeeded" },
        { FORGE_TDX5, "relaunch-advised,out-of-date", "OutOfDate" },
        { FORGE_TDX4, "module-out-of-date,configuration-needed", "OutOfDateConfigurationNeeded" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct verify_result *r owned(verify_result_free) = judge(rows[i].tee, rows[i].scenario, true);
        assert_string_equal(verify_result_reason(r), "");
        assert_string_equal(verify_result_status(r), rows[i].status);
    }
}

static void each_fault_fails_its_own_check(void **state)
{
    (void)state;
    static const struct {
        const char *scenario, *check;
        size_t failures; /* 0: some follow from it */
    } rows[] = {
        { "revoked", "pck_revocation", 1 },
        { "forged-signature", "quote_signature", 1 },
        { "wrong-report-data", "report_data", 1 },
        { "wrong-signer", "pck_chain", 0 },
        { "tcb-revoked", "tcb_status", 1 },
        { "tcb-unknown", "tcb_level", 1 },
        { "expired-collateral", "tcb_info_validity", 1 },
        { "revoked,forged-signature,wrong-report-data", "report_data", 3 },
        { "revoked,forged-signature,wrong-report-data", "pck_revocation", 3 },
    };

    for (size_t t = 0; t < TEE_COUNT; t++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct verify_result *r owned(verify_result_free) = judge(all_tees[t], rows[i].scenario, true);
            assert_false(verify_result_verified(r));
            assert_true(fails(r, rows[i].check));
            if (rows[i].failures)
                assert_int_equal(failures(r), rows[i].failures);
        }
}

/* L45: nothing in the evidence selects a kinder verifier; only a configured root does. */
static void nothing_verifies_without_the_configured_root(void **state)
{
    (void)state;
    for (size_t t = 0; t < TEE_COUNT; t++) {
        struct verify_result *r owned(verify_result_free) = judge(all_tees[t], "ok", false);
        assert_false(verify_result_verified(r));
        assert_true(fails(r, "pck_chain"));
    }
}

static void claims_say_debug_and_the_root(void **state)
{
    (void)state;
    for (size_t t = 0; t < TEE_COUNT; t++) {
        struct verify_result *good owned(verify_result_free) = judge(all_tees[t], "ok", true);
        struct verify_result *bad owned(verify_result_free) = judge(all_tees[t], "debug", true);
        assert_true(json_is_false(json_object_get(verify_result_claims(good), "debug")));
        assert_true(json_is_true(json_object_get(verify_result_claims(bad), "debug")));
        assert_string_equal(json_string_value(json_object_get(verify_result_claims(good), "root")), "configured");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_the_vendors),
        cmocka_unit_test(tdx_modules_count),
        cmocka_unit_test(each_fault_fails_its_own_check),
        cmocka_unit_test(nothing_verifies_without_the_configured_root),
        cmocka_unit_test(claims_say_debug_and_the_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
