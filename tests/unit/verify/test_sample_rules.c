// SPDX-License-Identifier: Apache-2.0
/* Sample evidence of guests, which proves nothing: it passes only where it is taken, and says so in its claims. */
#include "base/base64.h"
#include "evidence/bundle.h"
#include "unit.h"
#include "verify/verify.h"

#define AT 1790000000

static const uint8_t expected[64] = { 1, 2, 3 }; /* 48 bytes and zeros */

static const struct sample_case {
    const char *what;
    bool taken;
    const char *text;      /* %s: base64 of the right 48 bytes */
    const char *fails;     /* NULL: verified */
    uint8_t other;         /* first byte of what is expected, where it is another */
} cases[] = {
    { "as a guest sends it", true, "{\"svn\":\"1\",\"report_data\":\"%s\"}", NULL, 0 },
    { "where it is not taken", false, "{\"svn\":\"1\",\"report_data\":\"%s\"}", "sample_allowed", 0 },
    { "bound to another key", true, "{\"svn\":\"1\",\"report_data\":\"%s\"}", "report_data", 9 },
    { "no report data", true, "{\"svn\":\"1\"}", "sample_format", 0 },
    { "a member too many", true, "{\"svn\":\"1\",\"report_data\":\"%s\",\"x\":1}", "sample_format", 0 },
    { "short report data", true, "{\"svn\":\"1\",\"report_data\":\"AAAA\"}", "sample_format", 0 },
    { "no text", true, "{\"svn\":1,\"report_data\":\"%s\"}", "sample_format", 0 },
    { "no object", true, "[]", "sample_format", 0 },
};

static enum check_outcome outcome_of(const struct verify_result *r, const char *name)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (!strcmp(checks[i].name, name))
            return checks[i].outcome;
    fail_msg("no check %s", name);
    return CHECK_NOT_CHECKED;
}

static void run_case(const struct sample_case *c)
{
    struct verifier *v owned(verifier_free) = NULL;
    struct verify_result *r owned(verify_result_free) = NULL;
    struct buf data owned(buf_done) = buf_of(128), text owned(buf_done) = buf_of(512), record owned(buf_done) = buf_of(2048);
    uint8_t wanted[64];

    memcpy(wanted, expected, sizeof(wanted));
    wanted[0] = c->other ? c->other : wanted[0];
    base64_add(&data, span_from(expected, 48));
    buf_addf(&text, c->text, buf_str(&data));
    assert_ok(bundle_write_record(PIECE_SAMPLE, buf_span(&text), &record));
    assert_ok(verifier_new(NULL, 0, &v));
    if (c->taken)
        verifier_take_samples(v);
    assert_ok(verify_evidence(v, buf_span(&record), NULL, AT, SPAN_OF(wanted), &r));
    assert_int_equal(verify_result_verified(r), !c->fails);
    if (c->fails)
        assert_int_equal(outcome_of(r, c->fails), CHECK_FAILED);
    const json_t *claims = verify_result_claims(r);
    assert_string_equal(json_string_value(json_object_get(claims, "tee")), "sample");
    assert_int_equal(json_is_true(json_object_get(claims, "debug")), c->taken && !(c->fails && !strcmp(c->fails, "sample_format")));
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].what);
        run_case(&cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
    json_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
