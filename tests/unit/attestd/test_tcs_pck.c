// SPDX-License-Identifier: Apache-2.0
/* Which PCK certificate answers a raw TCB. */
#include "attestd/tcs_pck.h"
#include "attestd/tcs_store.h"
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
        { "00000000000000000000000000000000", "0100",
          4 }, /* reaches no level: still a certificate */
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

static fallible waits(struct store *s, const char *qe_id, enum registration_state state)
{
    struct raw_platform raw owned(raw_platform_done) = { 0 };
    TRY(raw_platform_set(&raw, span_str(qe_id), SPAN("0000"), SPAN(""), SPAN(""), SPAN(""),
                         SPAN(""), true));
    return registration_save(s, &raw, state);
}

static size_t taken(struct store *s, enum registration_state state)
{
    owned(json_free) json_t *list = NULL;
    assert_ok(registration_take(s, state, &list));
    return json_array_size(list);
}

static void test_registrations_are_bounded(void **state)
{
    owned(store_close) struct store *s = NULL;
    struct statement *q;
    (void)state;
    assert_ok(store_open("sqlite::memory:", &s));
    assert_ok(tcs_store_migrate(s));
    assert_ok(store_query(s,
                          "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
                          " i < ?1) INSERT INTO registration (qe_id, pce_id, cpu_svn, pce_svn,"
                          " enc_ppid, manifest, state) SELECT 'R' || i, '0000', '', '', '', '', 0"
                          " FROM n",
                          &q));
    bind_int(q, 1, REGISTRATIONS_MAX - 1);
    assert_ok(store_run(q));
    assert_ok(waits(s, "LAST", REGISTRATION_NOT_AVAILABLE));
    assert_fails(waits(s, "ONEMORE", REGISTRATION_NEW), FAIL_LIMIT);
    assert_ok(waits(s, "R7", REGISTRATION_NEW)); /* one that waits may come again */
    assert_int_equal(taken(s, REGISTRATION_NEW), REGISTRATIONS_MAX - 1); /* none is forgotten */
    assert_int_equal(taken(s, REGISTRATION_NEW), 0);
    assert_int_equal(taken(s, REGISTRATION_NOT_AVAILABLE), 1);
    assert_int_equal(taken(s, REGISTRATION_NOT_AVAILABLE), 1); /* handed out again and again */
    assert_ok(waits(s, "ONEMORE", REGISTRATION_NEW));
    assert_int_equal(taken(s, REGISTRATION_NEW), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registrations_are_bounded),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_platforms_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
