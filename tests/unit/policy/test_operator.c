// SPDX-License-Identifier: Apache-2.0
/* Operators on lists of events, and on hex of any length: claims of the tests' own. */
#include "policy/operator.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct claim_row events = { "events", CLAIM_EVENT_LIST,
                                         0,        "register type digest name",
                                         "tpm",    "what was measured" };
static const struct claim_row any_hex = { "owner", CLAIM_HEX, 0, NULL, "tpm", "of any length" };

static const char log_text[] = "[{\"register\":4,\"type\":\"application\",\"digest\":\"aa01\"},"
                               "{\"register\":7,\"type\":\"variable\",\"digest\":\"bb02\","
                               "\"name\":\"SecureBoot\"}]";

static json_t *parsed(const char *text)
{
    struct buf whole owned(buf_done) = buf_of(4096);
    json_t *j = NULL;
    buf_addf(&whole, "{\"x\":%s}", text);
    owned(json_free) json_t *outer = NULL;
    assert_false(failed(json_parse_object(buf_span(&whole), &outer)));
    j = json_incref(json_object_get(outer, "x"));
    return j;
}

static void test_events(void **state)
{
    static const struct {
        const char *op, *expected;
        bool holds;
    } rows[] = {
        { "contains_all", "[{\"register\":4}]", true },
        { "contains_all", "[{\"digest\":\"AA01\"},{\"register\":7,\"name\":\"SecureBoot\"}]",
          true },
        { "contains_all", "[{\"register\":4},{\"register\":5}]", false },
        { "contains_all", "[{\"register\":4,\"digest\":\"bb02\"}]", false },
        { "contains_all", "[{\"name\":\"secureboot\"}]", false },
        { "contains_any", "[{\"register\":5},{\"type\":\"variable\"}]", true },
        { "contains_any", "[{\"register\":5}]", false },
        { "contains_none", "[{\"digest\":\"cc\"}]", true },
        { "contains_none", "[{\"digest\":\"cc\"},{\"digest\":\"BB02\"}]", false },
        { "subset_of", "[{\"register\":4},{\"register\":7}]", true },
        { "subset_of", "[{\"register\":4}]", false },
        { "exists", "true", true },
    };
    owned(json_free) json_t *log = parsed(log_text);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *expected = parsed(rows[i].expected);
        const struct operator_row *op = operator_find(span_str(rows[i].op));
        assert_null(operand_check(op, &events, expected));
        if (operator_holds(op, &events, expected, log, 0) != rows[i].holds)
            fail_msg("%s %s", rows[i].op, rows[i].expected);
        if (strcmp(rows[i].op, "exists") != 0)
            assert_false(operator_holds(op, &events, expected, NULL, 0));
    }
    (void)state;
}

static void test_operands_refused(void **state)
{
    static const struct {
        const struct claim_row *claim;
        const char *op, *expected, *message;
    } rows[] = {
        { &events, "contains_all", "[]", "empty set" },
        { &events, "contains_all", "[{}]", "none of them empty" },
        { &events, "contains_any", "[\"aa\"]", "must list objects" },
        { &events, "contains_none", "[{\"pcr\":4}]", "no such member" },
        { &events, "subset_of", "[{\"register\":[4]}]", "members of events are" },
        { &events, "equals", "[{\"register\":4}]", "does not take claims of this type" },
        { &events, "in", "[{\"register\":4}]", "does not take claims of this type" },
        { &any_hex, "equals", "\"\"", "digits" },
        { &any_hex, "equals", "\"abc\"", "digits" },
        { &any_hex, "equals", "\"zz\"", "digits" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *expected = parsed(rows[i].expected);
        const char *said =
            operand_check(operator_find(span_str(rows[i].op)), rows[i].claim, expected);
        if (!said || !strstr(said, rows[i].message))
            fail_msg("%s %s: %s", rows[i].op, rows[i].expected, said ? said : "(taken)");
    }
    (void)state;
}

static void test_hex_of_any_length(void **state)
{
    owned(json_free) json_t *wanted = json_string("ABCD"), *same = json_string("abcd"),
                            *longer = json_string("abcd00");
    const struct operator_row *op = operator_find(SPAN("equals"));
    assert_null(operand_check(op, &any_hex, wanted));
    assert_true(operator_holds(op, &any_hex, wanted, same, 0));
    assert_false(operator_holds(op, &any_hex, wanted, longer, 0));
    (void)state;
}

/* More events than a policy may list values: the limit is the policy's, not the log's. */
static void test_long_log(void **state)
{
    owned(json_free) json_t *log = json_array(), *expected = parsed("[{\"register\":4}]");
    for (int i = 0; i < 1000; i++)
        json_array_append_new(log, json_pack("{s:i}", "register", 4));
    assert_true(operator_holds(operator_find(SPAN("subset_of")), &events, expected, log, 0));
    json_array_append_new(log, json_pack("{s:i}", "register", 5));
    assert_false(operator_holds(operator_find(SPAN("subset_of")), &events, expected, log, 0));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_operands_refused),
        cmocka_unit_test(test_hex_of_any_length),
        cmocka_unit_test(test_long_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
