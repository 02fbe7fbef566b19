// SPDX-License-Identifier: Apache-2.0
/* What a change of a policy means, and a policy in words. */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ALL(conditions) "{\"version\":\"1.0.0\",\"allOf\":[" conditions "]}"
#define ANY(alternatives) "{\"version\":\"1.0.0\",\"anyOf\":[" alternatives "]}"
#define GROUP(kind, members) "{\"" kind "\":[" members "]}"
#define C(claim, op, value) "{\"claim\":\"" claim "\",\"" op "\":" value "}"

static struct policy *parse_good(const char *text)
{
    struct policy *p = NULL;
    char *message owned(free) = NULL;
    if (failed(policy_parse(span_str(text), &p, &message)))
        fail_msg("%s: %s", text, message);
    return p;
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static json_t *diff_of(const char *before, const char *after)
{
    owned(policy_free) struct policy *a = parse_good(before), *b = parse_good(after);
    json_t *j = NULL;
    assert_false(failed(policy_diff(a, b, &j)));
    return j;
}

struct row {
    const char *before, *after, *effect;
    const char *kinds; /* of the changes, in order */
    const char *text;  /* in the first change's words */
};

static void test_changes(void **state)
{
    static const struct row rows[] = {
        { ALL(C("debug", "equals", "false")), ALL(C("debug", "equals", "false")), "same", "", "" },
        { ALL(C("debug", "equals", "false") "," C("isvsvn", "min", "3")),
          ALL(C("isvsvn", "greaterOrEquals", "3") "," C("debug", "equals", "false")), "same", "",
          "" },
        { ALL(C("isvsvn", "min", "3")), ALL(C("isvsvn", "min", "2")), "looser", "loosened",
          "isvsvn was: is at least 3; now: is at least 2" },
        { ALL(C("isvsvn", "min", "3")), ALL(C("isvsvn", "min", "4")), "tighter", "tightened", "" },
        { ALL(C("isvsvn", "equals", "3")), ALL(C("isvsvn", "in", "[3,4]")), "looser", "loosened",
          "" },
        { ALL(C("isvsvn", "in", "[3,4]")), ALL(C("isvsvn", "in", "[4,5]")), "different", "changed",
          "" },
        { ALL(C("isvsvn", "min", "3")),
          ALL(C("isvsvn", "min", "3") "," C("debug", "equals", "false")), "tighter", "added",
          "debug now also: is false" },
        { ALL(C("isvsvn", "min", "3") "," C("debug", "equals", "false")),
          ALL(C("isvsvn", "min", "3")), "looser", "removed", "debug no longer: is false" },
        { ALL(C("isvsvn", "min", "3") "," C("debug", "equals", "false")),
          ALL(C("isvsvn", "min", "2") "," C("debug", "equals", "false") "," C("isvprodid", "equals",
                                                                              "1")),
          "different", "loosened,added", "" },
        { ALL(C("advisory_ids", "subset_of", "[\"A\"]")),
          ALL(C("advisory_ids", "subset_of", "[\"A\",\"B\"]")), "looser", "loosened",
          "now: has nothing but: A, B" },
        { ALL(C("tcb_date", "within_days", "30")), ALL(C("tcb_date", "within_days", "10")),
          "tighter", "tightened", "is at most 10 days ago" },
        { ANY(C("isvsvn", "min", "3")), ANY(C("isvsvn", "min", "3") "," C("seamsvn", "min", "4")),
          "looser", "alternative added", "seamsvn is at least 4" },
        { ANY(C("isvsvn", "min", "3") "," C("seamsvn", "min", "4")), ANY(C("seamsvn", "min", "4")),
          "tighter", "alternative removed", "isvsvn is at least 3" },
        /* form does not count: nesting, order, one alternative */
        { ALL(GROUP("allOf", C("debug", "equals", "false")) "," C("isvsvn", "min", "3")),
          ANY(GROUP("allOf", C("isvsvn", "min", "3") "," C("debug", "equals", "false"))), "same",
          "", "" },
        /* one change in both alternatives is told once */
        { ALL(C("tcb_status", "equals", "\"UpToDate\"") "," GROUP(
              "anyOf", C("tee", "equals", "\"sgx\"") "," C("tee", "equals", "\"tdx\""))),
          ALL(C("tcb_status", "in", "[\"UpToDate\",\"OutOfDate\"]") "," GROUP(
              "anyOf", C("tee", "equals", "\"sgx\"") "," C("tee", "equals", "\"tdx\""))),
          "looser", "loosened", "tcb_status" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *j = diff_of(rows[i].before, rows[i].after);
        const json_t *changes = json_object_get(j, "changes");
        struct buf kinds owned(buf_done) = buf_of(4096);
        for (size_t k = 0; k < json_array_size(changes); k++)
            buf_addf(&kinds, "%s%s", k ? "," : "", text_of(json_array_get(changes, k), "kind"));
        char *all owned(free) = json_text(j);
        if (strcmp(text_of(j, "effect"), rows[i].effect) != 0 ||
            strcmp(buf_str(&kinds), rows[i].kinds) != 0 ||
            !strstr(text_of(json_array_get(changes, 0), "text"), rows[i].text))
            fail_msg("%s -> %s: %s", rows[i].before, rows[i].after, all);
    }
    (void)state;
}

static void test_where(void **state)
{
    owned(json_free) json_t *j = diff_of(
        ALL(C("root", "equals", "\"vendor\"") "," GROUP(
            "anyOf", GROUP("allOf", C("tee", "equals", "\"sgx\"") "," C(
                                        "isvsvn", "min", "3")) "," C("tee", "equals", "\"tdx\""))),
        ALL(C("root", "equals", "\"vendor\"") "," GROUP(
            "anyOf", GROUP("allOf", C("tee", "equals", "\"sgx\"") "," C(
                                        "isvsvn", "min", "4")) "," C("tee", "equals", "\"tdx\""))));
    const json_t *change = json_array_get(json_object_get(j, "changes"), 0);
    assert_int_equal(json_array_size(json_object_get(j, "changes")), 1);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(change, "alternatives"), 0)),
        "allOf[1].anyOf[0]");
    assert_string_equal(text_of(json_object_get(change, "before"), "operator"), "min");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(change, "after"), "value")),
                     4);
    assert_true(json_is_false(json_object_get(j, "identical")));
    (void)state;
}

/* Alternatives multiply: past a limit there is no answer, rather than a slow one. */
static void test_limit(void **state)
{
    struct buf text owned(buf_done) = buf_of(8192);
    buf_add_str(&text, "{\"version\":\"1.0.0\",\"allOf\":[");
    for (int i = 0; i < 7; i++)
        buf_addf(&text,
                 "%s{\"anyOf\":[{\"claim\":\"isvsvn\",\"equals\":%d},{\"claim\":\"isvprodid\","
                 "\"equals\":%d}]}",
                 i ? "," : "", i, i);
    buf_add_str(&text, "]}");
    owned(policy_free) struct policy *p = parse_good(buf_str(&text));
    json_t *j = NULL;
    struct err e = policy_diff(p, p, &j);
    assert_int_equal(e.kind, FAIL_LIMIT);
    assert_null(j);
    (void)state;
}

static void test_words(void **state)
{
    static const struct {
        const char *path, *text;
        int depth;
    } lines[] = {
        { "policy", "Evidence is accepted when all of this holds:", 0 },
        { "allOf[0]", "root is vendor  (", 1 },
        { "allOf[1]", "one of these 2 holds:", 1 },
        { "allOf[1].anyOf[0]", "alternative 1: all of this holds:", 2 },
        { "allOf[1].anyOf[0].allOf[0]", "tcb_status is one of: UpToDate, SWHardeningNeeded  (", 3 },
        { "allOf[1].anyOf[0].allOf[1]", "advisory_ids has nothing but: A, B  (", 3 },
        { "allOf[1].anyOf[1]", "alternative 2: all of this holds:", 2 },
        { "allOf[1].anyOf[1].allOf[0]", "tcb_date is at most 30 days ago  (", 3 },
        { "allOf[1].anyOf[1].allOf[1]",
          "isvsvn is there, and none of: 1, 2, 3, 4, 5, 6, 7, 8, ... (9 in all)  (", 3 },
        { "allOf[1].anyOf[1].allOf[2]", "collateral_issued is not before 2026-01-01T00:00:00Z  (",
          3 },
        { "allOf[1].anyOf[1].allOf[3]", "smt_enabled is not there  (", 3 },
    };
    owned(policy_free) struct policy *p = parse_good(ALL(C("root", "equals", "\"vendor\"") "," GROUP(
        "anyOf",
        GROUP(
            "allOf",
            C("tcb_status", "in", "[\"UpToDate\",\"SWHardeningNeeded\"]") "," C(
                "advisory_ids",
                "subset_of",
                "[\"A\",\"B\"]")) "," GROUP("allOf",
                                            C("tcb_date", "within_days", "30") "," C(
                                                "isvsvn",
                                                "notIn",
                                                "[1,2,3,4,5,6,7,8,9]") "," C("collateral_issued",
                                                                             "min",
                                                                             "\"2026-01-01T00:00:"
                                                                             "00Z\"") "," C("smt_"
                                                                                            "enable"
                                                                                            "d",
                                                                                            "exist"
                                                                                            "s",
                                                                                            "fals"
                                                                                            "e")))));
    owned(json_free) json_t *words = NULL;
    assert_false(failed(policy_words(p, &words)));
    assert_int_equal(json_array_size(words), sizeof(lines) / sizeof(lines[0]));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const json_t *line = json_array_get(words, i);
        if (strcmp(text_of(line, "path"), lines[i].path) != 0 ||
            strncmp(text_of(line, "text"), lines[i].text, strlen(lines[i].text)) != 0 ||
            json_integer_value(json_object_get(line, "depth")) != lines[i].depth)
            fail_msg("%zu: %s: %s", i, text_of(line, "path"), text_of(line, "text"));
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
