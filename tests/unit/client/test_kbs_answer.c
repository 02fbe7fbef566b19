// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "client/fetch_internal.h"

#define CHALLENGE                                                                                  \
    "{\"challenge\":\"abc\",\"expires_at\":\"2026-11-23T12:00:00Z\",\"tenant\":\"default\","       \
    "\"attestation\":\"require\",\"attestation_types\":[\"tdx\"],\"policy_ids\":[]}"
#define TRANSFER                                                                                   \
    "{\"key_id\":\"k\",\"version\":1,\"answer\":\"a.b.c\",\"attestation_token\":\"t\","            \
    "\"attestation_token_expires_at\":\"2026-11-23T12:00:00Z\"}"

static void challenges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { CHALLENGE, true },
        { "{\"challenge\":\"abc\",\"tenant\":\"t\",\"attestation\":\"none\"}", true },
        { "{\"challenge\":\"abc\",\"tenant\":\"t\",\"attestation\":\"Require\"}", false },
        { "{\"challenge\":\"abc\",\"tenant\":\"t\"}", false },
        { "{\"challenge\":\"\",\"tenant\":\"t\",\"attestation\":\"none\"}", false },
        { "{\"challenge\":1,\"tenant\":\"t\",\"attestation\":\"none\"}", false },
        { "{\"challenge\":\"a\",\"challenge\":\"b\",\"tenant\":\"t\",\"attestation\":\"none\"}",
          false },
        { "[]", false },
        { "", false },
        { CHALLENGE "x", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct challenge c owned(challenge_done) = { 0 };
        struct err e = challenge_parse(span_str(rows[i].text), &c);
        if (failed(e) == rows[i].good)
            fail_msg("%s: %s", rows[i].text, failed(e) ? e.what : "taken");
        if (rows[i].good)
            assert_true(span_equal_str(c.text, "abc"));
    }
}

static void every_prefix_fails(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(CHALLENGE) - 1; n++) {
        struct challenge c = { 0 };
        assert_fails(challenge_parse(span_head(SPAN(CHALLENGE), n), &c), FAIL_INPUT);
    }
    for (size_t n = 0; n < sizeof(TRANSFER) - 1; n++) {
        struct transfer t = { 0 };
        assert_fails(transfer_parse(span_head(SPAN(TRANSFER), n), &t), FAIL_INPUT);
    }
}

static void transfers(void **state)
{
    (void)state;
    struct transfer t = { 0 };

    assert_ok(transfer_parse(SPAN(TRANSFER), &t));
    assert_true(span_equal_str(t.answer, "a.b.c"));
    assert_true(span_equal_str(t.token, "t"));
    assert_int_equal(t.token_expires_at, 1795435200);
    transfer_done(&t);
    assert_ok(transfer_parse(SPAN("{\"answer\":\"a.b.c\"}"), &t));
    assert_int_equal(t.token.len, 0);
    transfer_done(&t);
    assert_fails(transfer_parse(SPAN("{\"answer\":null}"), &t), FAIL_INPUT);
    assert_fails(transfer_parse(SPAN("{\"answer\":\"a\",\"attestation_token\":7}"), &t),
                 FAIL_INPUT);
    assert_fails(transfer_parse(SPAN("{\"answer\":\"a\",\"attestation_token\":\"t\",\"attestation_"
                                     "token_expires_at\":\"soon\"}"),
                                &t),
                 FAIL_INPUT);
}

static void problems(void **state)
{
    (void)state;
    struct refusal r;
    char large[2000] = "{\"code\":\"";

    problem_parse(
        403,
        SPAN("{\"title\":\"Refused\",\"detail\":\"mrtd is wrong\",\"code\":\"policy_refused\"}"),
        &r);
    assert_int_equal(r.status, 403);
    assert_string_equal(r.code, "policy_refused");
    assert_string_equal(r.detail, "mrtd is wrong");
    problem_parse(404, SPAN("{\"title\":\"Not found\",\"code\":\"key_not_found\"}"), &r);
    assert_string_equal(r.detail, "Not found");
    problem_parse(502, SPAN("<html>"), &r);
    assert_string_equal(r.code, "unexpected_answer");
    memset(large + strlen(large), 'a', sizeof(large) - 13);
    strcpy(large + sizeof(large) - 4, "\"}");
    problem_parse(400, span_str(large), &r);
    assert_int_equal(strlen(r.code), REFUSAL_CODE_MAX - 1); /* cut, not overrun */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges),
        cmocka_unit_test(every_prefix_fails),
        cmocka_unit_test(transfers),
        cmocka_unit_test(problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
