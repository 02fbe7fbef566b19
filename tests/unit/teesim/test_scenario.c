// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/clock.h"
#include "crypto/crl.h"
#include "crypto/x509.h"
#include "teesim/platform.h"

static struct platform *open_with(enum forge_tee tee, const char *scenario)
{
    struct platform_config config = { .tee = tee, .scenario = scenario };
    struct platform *p = NULL;

    assert_false(failed(platform_open(&config, &p)));
    return p;
}

static void lists_are_strict(void **state)
{
    (void)state;
    static const struct {
        enum forge_tee tee;
        const char *list;
        bool good;
    } rows[] = {
        { FORGE_TDX4, "", true },
        { FORGE_TDX4, "ok", true },
        { FORGE_TDX4, "debug,out-of-date,forged-signature", true },
        { FORGE_TDX4, "wrong-signer,revoked,processor-ca", true },
        { FORGE_TDX4, "Debug", false },
        { FORGE_TDX4, "debug, ok", false },
        { FORGE_TDX4, "debug,", true },
        { FORGE_TDX4, ",debug", false },
        { FORGE_TDX4, "wrong-mrsigner", false },
        { FORGE_SGX3, "wrong-mrsigner", true },
        { FORGE_SGX3, "module-out-of-date", false },
        { FORGE_TDX4, "relaunch-advised", false },
        { FORGE_TDX5_TD10, "relaunch-advised", false },
        { FORGE_TDX5, "relaunch-advised", true },
        { FORGE_TDX5_TD15EX, "relaunch-advised", true },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct platform *p owned(platform_close) = open_with(rows[i].tee, "ok");
        char scenario[SCENARIO_TEXT_MAX], measurement[97];
        assert_int_equal(!failed(platform_set_scenario(p, span_str(rows[i].list))), rows[i].good);
        platform_describe(p, scenario, measurement);
        assert_string_equal(scenario, rows[i].good ? rows[i].list : "ok");
    }
}

/* Offsets from the start of a v4 quote. */
#define BODY 48

static void take_quote(struct platform *p, struct buf *quote)
{
    uint8_t data[64];

    memset(data, 7, sizeof data);
    buf_clear(quote);
    assert_false(failed(platform_quote(p, data, quote)));
}

static void scenarios_change_what_they_name(void **state)
{
    (void)state;
    struct platform *p owned(platform_close) = open_with(FORGE_TDX4, "ok");
    struct buf good owned(buf_done) = buf_of(FORGE_QUOTE_MAX), bad owned(buf_done) = buf_of(FORGE_QUOTE_MAX);

    take_quote(p, &good);
    assert_int_equal(good.at[BODY + AT_TD_ATTRIBUTES] & 1, 0);
    assert_int_equal(good.at[BODY + AT_TD_REPORT_DATA], 7);

    assert_false(failed(platform_set_scenario(p, SPAN("debug"))));
    take_quote(p, &bad);
    assert_int_equal(bad.at[BODY + AT_TD_ATTRIBUTES] & 1, 1);

    assert_false(failed(platform_set_scenario(p, SPAN("wrong-measurement"))));
    take_quote(p, &bad);
    assert_memory_not_equal(bad.at + BODY + AT_TD_MRTD, good.at + BODY + AT_TD_MRTD, 48);
    assert_int_equal(bad.at[BODY + AT_TD_ATTRIBUTES] & 1, 0); /* the list replaces the one before */

    assert_false(failed(platform_set_scenario(p, SPAN("wrong-report-data"))));
    take_quote(p, &bad);
    assert_memory_not_equal(bad.at + BODY + AT_TD_REPORT_DATA, good.at + BODY + AT_TD_REPORT_DATA, 64);

    assert_false(failed(platform_set_scenario(p, SPAN("ok"))));
    take_quote(p, &bad);
    assert_memory_equal(bad.at, good.at, BODY + FORGE_TD10_BODY_SIZE);
}

static void measurement_is_exact(void **state)
{
    (void)state;
    struct platform *p owned(platform_close) = open_with(FORGE_SGX3, "ok");
    struct buf quote owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    uint8_t expected[32];

    memset(expected, 0xab, sizeof expected);
    assert_false(failed(
        platform_set_measurement(p, SPAN("abababababababababababababababababababababababababababababababab"))));
    take_quote(p, &quote);
    assert_memory_equal(quote.at + BODY + AT_SGX_MRENCLAVE, expected, sizeof expected);
    assert_true(failed(platform_set_measurement(p, SPAN("abab"))));
}

/* Whatever is cached, the revoked platform is in every CRL and only it. */
static void the_crl_lists_the_revoked_platform_only(void **state)
{
    (void)state;
    struct platform *p owned(platform_close) = open_with(FORGE_TDX4, "ok");

    for (int i = 0; i < 2; i++) {
        struct buf der owned(buf_done) = buf_of(1 << 16), pem owned(buf_done) = buf_of(1 << 16);
        struct crl *crl owned(crl_free) = NULL;
        struct chain chain owned(chain_done) = { 0 };
        char tcbm[37];

        assert_false(failed(platform_set_scenario(p, span_str(i ? "revoked,processor-ca" : "processor-ca"))));
        assert_int_equal(platform_ca(p), FORGE_CA_PROCESSOR);
        assert_false(failed(platform_pck_crl(p, FORGE_CA_PROCESSOR, &der)));
        assert_false(failed(crl_parse(buf_span(&der), &crl)));
        assert_false(failed(platform_pck_chain(p, &pem, tcbm)));
        assert_false(failed(chain_from_pem(buf_span(&pem), &chain)));
        assert_int_equal(crl_lists(crl, cert_serial(chain.certs[0])), i);
    }
}

static void expired_collateral_belongs_to_its_own_family(void **state)
{
    (void)state;
    struct platform *p owned(platform_close) = open_with(FORGE_TDX4, "expired-collateral");
    struct buf stale owned(buf_done) = buf_of(1 << 18), good owned(buf_done) = buf_of(1 << 18);
    uint8_t fmspc[6];
    static const uint8_t unknown[6] = { 1 };

    platform_fmspc(p, fmspc);
    assert_memory_equal(fmspc, scenario_expired_fmspc, 6);
    assert_false(failed(platform_tcb_info(p, true, fmspc, &stale)));
    assert_false(failed(platform_tcb_info(p, true, forge_fmspc, &good)));
    assert_int_equal(platform_tcb_info(p, true, unknown, &good).kind, FAIL_ABSENT);
    for (int i = 0; i < 2; i++) {
        struct span text = buf_span(i ? &good : &stale), mark = SPAN("\"nextUpdate\":\"");
        int64_t next = 0;
        struct span date = span_head(span_tail(text, span_find(text, mark) + mark.len), 20);
        assert_false(failed(clock_parse_rfc3339(date, &next)));
        assert_int_equal(next > clock_now(), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_strict),
        cmocka_unit_test(scenarios_change_what_they_name),
        cmocka_unit_test(measurement_is_exact),
        cmocka_unit_test(the_crl_lists_the_revoked_platform_only),
        cmocka_unit_test(expired_collateral_belongs_to_its_own_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
