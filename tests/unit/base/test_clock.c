// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static void times_that_exist(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "2026-11-23T12:00:00Z", 1795435200 },
        { "2026-11-23t12:00:00z", 1795435200 },
        { "2026-11-23T12:00:00.999999Z", 1795435200 },
        { "2026-11-23T14:30:00+02:30", 1795435200 },
        { "2026-11-23T04:00:00-08:00", 1795435200 },
        { "2016-12-31T23:59:60Z", 1483228800 },
        { "2024-12-31T23:59:59Z", 1735689599 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "1970-01-01T01:00:00+01:00", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t at = -1;
        if (failed(clock_parse_rfc3339(span_str(rows[i].text), &at)) || at != rows[i].at)
            fail_msg("%s gave %lld", rows[i].text, (long long)at);
    }
}

static void times_that_do_not(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "Z", "2026-11-23", "2026-11-23T12:00:00", "2026-11-23 12:00:00Z", "2026-11-23T12:00Z", "26-11-23T12:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-11-00T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T12:60:00Z", "2026-11-23T12:00:61Z", "2026-11-23T12:00:00.Z",
        "2026-11-23T12:00:00ZZ", "2026-11-23T12:00:00Z ", " 2026-11-23T12:00:00Z", "2026-11-23T12:00:00+0200",
        "2026-11-23T12:00:00+24:00", "2026-11-23T12:00:00+02:60", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
        "-026-11-23T12:00:00Z", "+2026-11-23T12:00:00Z", "2026-11-23T12:00:0xZ", "9999-12-31T23:59:59-01:00",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t at = 42;
        if (clock_parse_rfc3339(span_str(rows[i]), &at).kind != FAIL_INPUT || at != 42)
            fail_msg("accepted: %s", rows[i]);
    }
    struct span whole = SPAN("2026-11-23T12:00:00.5+02:00");
    for (size_t len = 0; len < whole.len; len++) {
        int64_t at = 42;
        assert_true(failed(clock_parse_rfc3339(span_head(whole, len), &at)));
    }
}

static void seconds_or_text(void **state)
{
    (void)state;
    int64_t at = 0;

    assert_false(failed(clock_parse(SPAN("1750416909"), &at)));
    assert_int_equal(at, 1750416909);
    assert_false(failed(clock_parse(SPAN("1970-01-01T00:00:07Z"), &at)));
    assert_int_equal(at, 7);
    assert_true(failed(clock_parse(SPAN(""), &at)) && failed(clock_parse(SPAN("-1"), &at)) && failed(clock_parse(SPAN("12x"), &at)));
    assert_true(failed(clock_parse(SPAN("253402300800"), &at)) && failed(clock_parse(SPAN("9999999999999"), &at)));
    assert_int_equal(at, 7);
}

/* Each day of four centuries goes there and back. */
static void format_and_back(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_MAX];

    for (int64_t day = 0; day < 146097; day++) {
        int64_t at = day * 86400 + day % 86400, back = -1;
        assert_false(failed(clock_parse_rfc3339(span_str(clock_format(at, text)), &back)));
        assert_true(at == back);
    }
    assert_string_equal(clock_format(1795435200, text), "2026-11-23T12:00:00Z");
}

static void clocks_run(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_us();

    assert_true(clock_now() > 1700000000);
    assert_true(clock_now_us() / 1000000 - clock_now() <= 1);
    assert_true(clock_monotonic_us() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_that_exist), cmocka_unit_test(times_that_do_not), cmocka_unit_test(seconds_or_text),
        cmocka_unit_test(format_and_back),  cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
