// SPDX-License-Identifier: Apache-2.0
/* Which PCK certificate answers a raw TCB. */
#include "attestd/tcs_pck.h"
#include "unit.h"

static struct pck_cert cert(uint8_t first, uint8_t second, uint16_t pce_svn)
{
    return (struct pck_cert){ .components = { first, second }, .pce_svn = pce_svn };
}

static struct tcb_level level(uint8_t first, uint8_t second, uint16_t pce_svn)
{
    return (struct tcb_level){ .sgx = { first, second }, .pce_svn = pce_svn };
}

static void test_select(void **state)
{
    (void)state;
    /* The best level asks much of the second component and little of the first. */
    struct tcb_level levels[] = { level(2, 5, 10), level(2, 2, 10), level(1, 1, 5) };
    const struct tcb_info info = { .levels = levels, .level_count = 3 };
    const struct pck_certs certs = { .at = { cert(1, 1, 5), cert(3, 2, 10), cert(2, 5, 10),
                                             cert(2, 5, 13), cert(0, 0, 1) },
                                     .count = 5 };
    static const struct {
        const char *cpu_svn, *pce_svn;
        size_t at;
    } rows[] = {
        { "02050000000000000000000000000000", "0D00", 3 }, /* exactly the best */
        { "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "FFFF", 3 },
        { "03050000000000000000000000000000", "0A00", 2 }, /* level before size: not (3, 2) */
        { "03040000000000000000000000000000", "0A00", 1 },
        { "02040000000000000000000000000000", "0A00", 0 },
        { "03050000000000000000000000000000", "0900", 0 }, /* PCESVN holds it back */
        { "00000000000000000000000000000000", "0100", 4 }, /* reaches no level: still a certificate */
        { "00000000000000000000000000000000", "0000", 5 }, /* none */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw_platform raw owned(raw_platform_done) = { 0 };
        assert_ok(raw_platform_set(&raw, SPAN("a1"), SPAN("0000"), span_str(rows[i].cpu_svn),
                                   span_str(rows[i].pce_svn), SPAN(""), SPAN(""), false));
        if (pck_select(&certs, &info, &raw) != rows[i].at)
            fail_msg("row %zu: %zu", i, pck_select(&certs, &info, &raw));
    }
}

static void test_platforms_from_outside(void **state)
{
    (void)state;
    static const struct {
        const char *qe_id, *pce_id, *cpu_svn, *pce_svn, *enc_ppid;
        bool optional, good;
    } rows[] = {
        { "a1", "0000", "02020707040100020000000000000000", "0b00", "", false, true },
        { "a1", "0000", "", "", "", true, true },
        { "a1", "0000", "", "", "", false, false },
        { "", "0000", "02020707040100020000000000000000", "0b00", "", false, false },
        { "a1&x=1", "0000", "02020707040100020000000000000000", "0b00", "", false, false },
        { "a1", "000", "02020707040100020000000000000000", "0b00", "", false, false },
        { "a1", "0000", "0202070704010002000000000000000", "0b00", "", false, false },
        { "a1", "0000", "0202070704010002000000000000000g", "0b00", "", false, false },
        { "a1", "0000", "02020707040100020000000000000000", "0b0", "", false, false },
        { "a1", "0000", "02020707040100020000000000000000", "0b00", "00", false, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw_platform raw owned(raw_platform_done) = { 0 };
        struct err e = raw_platform_set(&raw, span_str(rows[i].qe_id), span_str(rows[i].pce_id),
                                        span_str(rows[i].cpu_svn), span_str(rows[i].pce_svn),
                                        span_str(rows[i].enc_ppid), SPAN(""), rows[i].optional);
        if (failed(e) == rows[i].good)
            fail_msg("row %zu", i);
    }
    char zeros[ENC_PPID_DIGITS + 1] = { 0 };
    struct raw_platform raw owned(raw_platform_done) = { 0 };
    memset(zeros, '0', ENC_PPID_DIGITS);
    assert_ok(raw_platform_set(&raw, SPAN("a1"), SPAN("000a"), SPAN(""), SPAN(""), span_str(zeros),
                               SPAN(""), true));
    assert_string_equal(raw.enc_ppid, "");
    assert_string_equal(raw.qe_id, "A1");
    assert_string_equal(raw.pce_id, "000A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_platforms_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
