// SPDX-License-Identifier: Apache-2.0
/* Networks and times of a transfer policy, at, below and above what they allow. */
#include "broker/source_network.h"
#include "broker/time_window.h"

#include "base/clock.h"
#include "unit.h"

static void networks_that_are_none(void **state)
{
    static const char *const rows[] = { "",
                                        "/8",
                                        "192.0.2.1",
                                        "192.0.2.0/",
                                        "192.0.2.0/0",
                                        "192.0.2.0/033",
                                        "192.0.2.0/08",
                                        "192.0.2.0/33",
                                        "192.0.2.0/24 ",
                                        "192.0.2.1/24",
                                        "192.0.2/24",
                                        "0192.0.2.0/24",
                                        "192.0.2.0/2a",
                                        "192.0.2.0/-1",
                                        "::/0",
                                        "2001:db8::/129",
                                        "2001:db8::1/64",
                                        "::ffff:192.0.2.0/120",
                                        "2001:db8::/1000",
                                        "localhost/8",
                                        "fe80::1%eth0/128" };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct source_network n;
        if (!failed(source_network_parse(span_str(rows[i]), &n)))
            fail_msg("%s was read", rows[i]);
    }
}

static void networks_hold_their_addresses(void **state)
{
    static const struct {
        const char *network, *address;
        bool inside;
    } rows[] = {
        { "192.0.2.0/24", "192.0.2.0", true },
        { "192.0.2.0/24", "192.0.2.255", true },
        { "192.0.2.0/24", "192.0.1.255", false },
        { "192.0.2.0/24", "192.0.3.0", false },
        { "192.0.2.0/24", "::ffff:192.0.2.7", true },
        { "192.0.2.0/24", "::192.0.2.7", false },
        { "192.0.2.7/32", "192.0.2.7", true },
        { "192.0.2.7/32", "192.0.2.6", false },
        { "128.0.0.0/1", "255.0.0.1", true },
        { "128.0.0.0/1", "127.0.0.1", false },
        { "10.128.0.0/9", "10.127.255.255", false },
        { "10.128.0.0/9", "10.128.0.0", true },
        { "2001:db8::/32", "2001:db8:ffff::1", true },
        { "2001:db8::/32", "2001:db9::", false },
        { "2001:db8::1/128", "2001:DB8:0::1", true },
        { "2001:db8::1/128", "2001:db8::2", false },
        { "c000::/2", "192.0.2.1", false },
        { "192.0.2.0/24", "", false },
        { "192.0.2.0/24", "192.0.2.1:80", false },
        { "192.0.2.0/24", "unix", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct source_network n;
        assert_ok(source_network_parse(span_str(rows[i].network), &n));
        if (source_network_holds(&n, span_str(rows[i].address)) != rows[i].inside)
            fail_msg("%s in %s", rows[i].address, rows[i].network);
    }
}

static struct err window_of(const char *text, struct time_window *w, const char **where)
{
    json_t *document owned(json_free) = NULL;
    assert_ok(json_parse(span_str(text), &document));
    return time_window_parse(document, w, where);
}

#define WEEKLY(hours) "{\"weekly\":{\"zone\":\"UTC\",\"hours\":[" hours "]}}"
#define DAY(from, to) "{\"days\":[\"mon\"],\"from\":\"" from "\",\"to\":\"" to "\"}"

static void times_that_are_none(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "{\"not_before\":1}",
        "{\"not_before\":\"\"}",
        "{\"not_before\":\"yesterday\"}",
        "{\"from\":\"2026-01-01T00:00:00Z\"}",
        "{\"not_before\":\"2026-01-01T00:00:00Z\",\"not_after\":\"2026-01-01T00:00:00Z\"}",
        "{\"not_before\":\"2026-01-01T00:00:01Z\",\"not_after\":\"2026-01-01T00:00:00Z\"}",
        "{\"weekly\":{}}",
        "{\"weekly\":{\"hours\":[" DAY("08:00", "18:00") "]}}",
        "{\"weekly\":{\"zone\":\"Europe/Berlin\",\"hours\":[" DAY("08:00", "18:00") "]}}",
        "{\"weekly\":{\"zone\":\"utc\",\"hours\":[" DAY("08:00", "18:00") "]}}",
        "{\"weekly\":{\"zone\":\"UTC\",\"hours\":[" DAY("08:00", "18:00") "],\"more\":1}}",
        WEEKLY(""),
        WEEKLY(DAY("18:00", "08:00")),
        WEEKLY(DAY("08:00", "08:00")),
        WEEKLY(DAY("08:60", "18:00")),
        WEEKLY(DAY("8:00", "18:00")),
        WEEKLY(DAY("08:00", "24:01")),
        WEEKLY(DAY("08:00", "25:00")),
        WEEKLY(DAY("08-00", "18:00")),
        WEEKLY("{\"days\":[],\"from\":\"08:00\",\"to\":\"18:00\"}"),
        WEEKLY("{\"days\":[\"Mon\"],\"from\":\"08:00\",\"to\":\"18:00\"}"),
        WEEKLY("{\"days\":[\"mon\"],\"to\":\"18:00\"}"),
        WEEKLY("{\"days\":[\"mon\"],\"from\":\"08:00\",\"to\":\"18:00\",\"zone\":\"UTC\"}"),
        WEEKLY("1"),
        /* 2026-11-24 is a Tuesday: no Monday lies in it */
        "{\"not_before\":\"2026-11-24T00:00:00Z\",\"not_after\":\"2026-11-25T00:00:00Z\","
        "\"weekly\":{\"zone\":\"UTC\",\"hours\":[" DAY("08:00", "18:00") "]}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct time_window w;
        const char *where = NULL;
        if (window_of(rows[i], &w, &where).kind != FAIL_INPUT || !where)
            fail_msg("%s was read", rows[i]);
    }
}

static void times_hold_at_their_limits(void **state)
{
    static const char both[] =
        "{\"not_before\":\"2026-11-23T09:00:00Z\",\"not_after\":\"2026-12-07T09:30:00Z\","
        "\"weekly\":{\"zone\":\"UTC\",\"hours\":[" DAY(
            "08:00", "18:00") ","
                              "{\"days\":[\"sat\",\"sun\"],\"from\":\"23:59\",\"to\":\"24:00\"}]}}";
    static const struct {
        const char *at;
        bool open;
        const char *next; /* "": never */
    } rows[] = {
        { "2026-11-23T08:59:59Z", false, "2026-11-23T09:00:00Z" },
        { "2026-11-23T09:00:00Z", true, "2026-11-23T09:00:00Z" },
        { "2026-11-23T17:59:59Z", true, "2026-11-23T17:59:59Z" },
        { "2026-11-23T18:00:00Z", false, "2026-11-28T23:59:00Z" },
        { "2026-11-28T23:58:59Z", false, "2026-11-28T23:59:00Z" },
        { "2026-11-28T23:59:59Z", true, "2026-11-28T23:59:59Z" },
        { "2026-11-29T00:00:00Z", false, "2026-11-29T23:59:00Z" },
        { "2026-11-29T23:59:59Z", true, "2026-11-29T23:59:59Z" },
        { "2026-11-30T00:00:00Z", false, "2026-11-30T08:00:00Z" },
        { "2026-12-07T09:29:59Z", true, "2026-12-07T09:29:59Z" },
        { "2026-12-07T09:30:00Z", false, "" },
        { "2000-01-03T10:00:00Z", false, "2026-11-23T09:00:00Z" },
    };
    struct time_window w;
    const char *where;
    (void)state;
    assert_ok(window_of(both, &w, &where));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CLOCK_TEXT_MAX] = "";
        int64_t at, next;
        assert_ok(clock_parse_rfc3339(span_str(rows[i].at), &at));
        if (time_window_holds(&w, at) != rows[i].open)
            fail_msg("%s", rows[i].at);
        if (time_window_next(&w, at, &next))
            clock_format(next, text);
        assert_string_equal(text, rows[i].next);
    }
}

static void open_ends(void **state)
{
    struct time_window w;
    const char *where;
    (void)state;
    assert_ok(window_of("{\"not_before\":\"2026-11-23T09:00:00+01:00\"}", &w, &where));
    assert_true(time_window_holds(&w, 1795420800) && !time_window_holds(&w, 1795420799));
    assert_ok(window_of("{\"not_after\":\"2026-11-23T09:00:00+01:00\"}", &w, &where));
    assert_true(!time_window_holds(&w, 1795420800) && time_window_holds(&w, 1795420799));
    assert_false(time_window_holds(&w, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_that_are_none),
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(times_that_are_none),
        cmocka_unit_test(times_hold_at_their_limits),
        cmocka_unit_test(open_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
