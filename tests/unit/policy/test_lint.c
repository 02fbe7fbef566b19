// SPDX-License-Identifier: Apache-2.0
/* What is found when a policy is written. */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ALL(conditions) "{\"version\":\"1.0.0\",\"anyOf\":[{\"allOf\":[" conditions "]}]}"
#define ANY(alternatives) "{\"version\":\"1.0.0\",\"anyOf\":[" alternatives "]}"
#define C(claim, op, value) "{\"claim\":\"" claim "\",\"" op "\":" value "}"

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

struct row {
    const char *text;
    const char *level, *path, *message, *advice, *other;
};

/* Each text gives exactly this one remark. */
static void expect_one(const struct row *row)
{
    owned(json_free) json_t *remarks = NULL;
    owned(policy_free) struct policy *p = NULL;
    assert_false(failed(policy_check_text(span_str(row->text), &p, &remarks)));
    const json_t *r = json_array_get(remarks, 0);
    char *all owned(free) = json_text(remarks);
    if (json_array_size(remarks) != 1 || strcmp(text_of(r, "level"), row->level) != 0 ||
        strcmp(text_of(r, "path"), row->path) != 0 ||
        !strstr(text_of(r, "message"), row->message) ||
        !strstr(text_of(r, "advice"), row->advice) || strcmp(text_of(r, "other"), row->other) != 0)
        fail_msg("%s: %s", row->text, all);
    bool error = !strcmp(row->level, "error");
    assert_int_equal(policy_check_good(remarks), !error);
    assert_int_equal(p == NULL, error);
    assert_true(*text_of(r, "advice") != 0);
}

#define FIRST "anyOf[0].allOf[0]"
#define SECOND "anyOf[0].allOf[1]"

static void test_errors(void **state)
{
    static const struct row rows[] = {
        { ALL(C("mrtdd", "equals", "1")), "error", FIRST, "unknown claim \"mrtdd\"",
          "did you mean \"mrtd\"?", "" },
        { ALL(C("no_such_thing", "equals", "1")), "error", FIRST, "unknown claim", "docs/claims.md",
          "" },
        { ALL(C("debug", "equal", "false")), "error", FIRST, "unknown operator",
          "did you mean \"equals\"?", "" },
        { ALL(C("debug", "frobnicates", "false")), "error", FIRST, "unknown operator",
          "docs/policy-language.md", "" },
        { ALL(C("debug", "equals", "\"false\"")), "error", FIRST, "true or false", "without quotes",
          "" },
        { ALL(C("seamsvn", "min", "256")), "error", FIRST, "can never have this number", "0 to 255",
          "" },
        { ALL(C("mrtd", "equals", "\"00\"")), "error", FIRST, "exactly as many digits",
          "96 hexadecimal digits", "" },
        { ALL(C("tcb_status", "in", "[\"Fine\"]")), "error", FIRST, "can never have this value",
          "UpToDate", "" },
        { ALL(C("tcb_status", "min", "\"UpToDate\"")), "error", FIRST,
          "does not take claims of this type", "it takes: equals", "" },
        { ALL(C("tcb_date", "within_days", "0")), "error", FIRST, "whole number of days",
          "1 to 36500", "" },
        { ALL(C("mrtd", "in", "[]")), "error", FIRST, "empty set", "write a list", "" },
        { ALL(C("seamsvn", "min", "5") "," C("seamsvn", "max", "4")), "error", SECOND,
          "contradicts", "anyOf", FIRST },
        { ALL(C("seamsvn", "greater", "5") "," C("seamsvn", "max", "5")), "error", SECOND,
          "contradicts", "", FIRST },
        { ALL(C("isvsvn", "min", "5") "," C("isvsvn", "less", "5")), "error", SECOND, "contradicts",
          "", FIRST },
        { ALL(C("debug", "equals", "true") "," C("debug", "equals", "false")), "error", SECOND,
          "contradicts", "", FIRST },
        { ALL(C("debug", "equals", "true") "," C("debug", "notEquals", "true")), "error", SECOND,
          "contradicts", "", FIRST },
        { ALL(C("seamsvn", "in", "[1,2]") "," C("seamsvn", "min", "3")), "error", SECOND,
          "contradicts", "", FIRST },
        { ALL(C("seamsvn", "in", "[1,2]") "," C("seamsvn", "in", "[3,4]")), "error", SECOND,
          "contradicts", "", FIRST },
        { ALL(C("seamsvn", "exists", "false") "," C("seamsvn", "min", "3")), "error", SECOND,
          "contradicts", "", FIRST },
        { ALL(C("tcb_date", "min", "\"2026-01-02T00:00:00Z\"") "," C("tcb_date", "max",
                                                                     "\"2026-01-01T00:00:00Z\"")),
          "error", SECOND, "contradicts", "", FIRST },
        { ALL(C("advisory_ids", "contains_all", "[\"A\"]") "," C("advisory_ids", "contains_none",
                                                                 "[\"A\",\"B\"]")),
          "error", SECOND, "contradicts", "", FIRST },
        { ALL(C("advisory_ids", "contains_any", "[\"A\"]") "," C("advisory_ids", "subset_of",
                                                                 "[\"B\"]")),
          "error", SECOND, "contradicts", "", FIRST },
        { ALL(C("advisory_ids", "contains_all", "[\"A\",\"B\"]") "," C("advisory_ids", "subset_of",
                                                                       "[\"B\"]")),
          "error", SECOND, "contradicts", "", FIRST },
        { ALL(C("advisory_ids", "equals", "[]") "," C("advisory_ids", "contains_any", "[\"B\"]")),
          "error", SECOND, "contradicts", "", FIRST },
        { ALL(C("seamsvn", "less", "0")), "error", FIRST, "less than zero",
          "take the condition out", "" },
        { ALL(C("seamsvn", "min", "5") "," C("seamsvn", "max", "6") "," C("seamsvn", "notIn",
                                                                          "[5,6]")),
          "error", FIRST, "leave no value together", "loosen", "" },
        { ALL(C("pck_ca", "notEquals", "\"processor\"") "," C("pck_ca", "notEquals",
                                                              "\"platform\"")),
          "error", FIRST, "leave no value together", "loosen", "" },
        { ALL(C("mrenclave", "exists", "true") "," C("mrtd", "exists", "true")), "error",
          "anyOf[0]", "no TEE", "an alternative for each", "" },
        { ALL(C("tee", "equals", "\"sgx\"") ","
                                            "{\"anyOf\":[" C("mrtd", "exists", "true") "]}"),
          "error", "anyOf[0].allOf[1].anyOf[0]", "no TEE", "", "" },
        { ALL(C("tee", "equals", "\"tdx\"") "," C("tpm.pcr_sha256_7", "exists", "true")), "error",
          "anyOf[0]", "no TEE", "", "" },
        { ALL(""), "error", "anyOf[0]", "empty \"allOf\"", "never means", "" },
        { "{", "error", "byte 1", "", "one JSON object", "" },
        { "{\"version\":\"1.0.0\"}", "error", "policy", "exactly one of", "anyOf", "" },
        { "{\"anyOf\":[" C("debug", "equals", "false") "]}", "error", "policy",
          "\"version\" is missing", "1.0.0", "" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_one(&rows[i]);
    (void)state;
}

static void test_warnings(void **state)
{
    static const struct row rows[] = {
        { ALL(C("seamsvn", "min", "0")), "warning", FIRST, "always true", "exists", "" },
        { ALL(C("root", "in", "[\"vendor\",\"configured\"]")), "warning", FIRST, "always true",
          "exists", "" },
        { ALL(C("debug", "equals", "false") "," C("debug", "equals", "false")), "warning", SECOND,
          "twice", "", FIRST },
        { ALL(C("seamsvn", "min", "3") "," C("seamsvn", "greaterOrEquals", "3")), "warning", SECOND,
          "twice", "", FIRST },
        { ALL(C("fmspc", "in", "[\"00606a000000\",\"00606A000000\"]")), "warning", FIRST, "twice",
          "", "" },
        { "{\"version\":\"1.0.0\",\"anyOf\":[{\"authority\":\"https://as.example\",\"allOf\":[" C(
              "debug", "equals", "false") "]}]}",
          "warning", "policy", "authority", "", "" },
        /* shadowed alternatives */
        { ANY(C("isvsvn", "min", "3") "," C("isvsvn", "min", "5")), "warning", "anyOf[1]",
          "shadowed", "take it out", "anyOf[0]" },
        { ANY(C("isvsvn", "min", "5") "," C("isvsvn", "min", "3")), "warning", "anyOf[0]",
          "shadowed", "", "anyOf[1]" },
        { ANY(C("isvsvn", "min", "5") "," C("isvsvn", "min", "5")), "warning", "anyOf[1]",
          "shadowed", "", "anyOf[0]" },
        { ANY(C("tcb_status", "notEquals", "\"Revoked\"") "," C("tcb_status", "equals",
                                                                "\"UpToDate\"")),
          "warning", "anyOf[1]", "shadowed", "", "anyOf[0]" },
        { ANY("{\"allOf\":[" C("debug", "equals", "false") "]},{\"allOf\":[" C(
              "debug", "equals", "false") "," C("isvsvn", "min", "2") "]}"),
          "warning", "anyOf[1]", "shadowed", "", "anyOf[0]" },
        { ANY(C("advisory_ids", "subset_of", "[\"A\",\"B\"]") "," C("advisory_ids", "subset_of",
                                                                    "[\"A\"]")),
          "warning", "anyOf[1]", "shadowed", "", "anyOf[0]" },
        { ANY(C("advisory_ids", "contains_any",
                "[\"A\",\"B\"]") "," C("advisory_ids", "contains_all", "[\"B\",\"C\"]")),
          "warning", "anyOf[1]", "shadowed", "", "anyOf[0]" },
        { ANY(C("tcb_date", "within_days", "30") "," C("tcb_date", "within_days", "20")), "warning",
          "anyOf[1]", "shadowed", "", "anyOf[0]" },
        { ANY(C("isvsvn", "exists", "true") "," C("isvsvn", "greater", "7")), "warning", "anyOf[1]",
          "shadowed", "", "anyOf[0]" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_one(&rows[i]);
    (void)state;
}

static void test_clean(void **state)
{
    static const char *const rows[] = {
        ALL(C("seamsvn", "min", "3") "," C("seamsvn", "max", "9") "," C("seamsvn", "notIn", "[4]")),
        ANY(C("isvsvn", "min", "3") "," C("isvprodid", "equals", "5")),
        ANY(C("isvsvn", "max", "3") "," C("isvsvn", "min", "5")),
        ALL(C("tee", "equals", "\"bundle\"") "," C("tpm.pcr_sha256_7", "exists",
                                                   "true") "," C("tdx.mrtd", "exists", "true")),
        ALL(C("pcr_sha256_7", "exists", "true") "," C("pcr_sha256_8", "exists", "false")),
        ANY(C("isvsvn", "in", "[1,2]") "," C("isvsvn", "in", "[2,3]")),
        ANY(C("isvsvn", "exists", "false") "," C("isvsvn", "min", "5")),
        ANY(C("advisory_ids", "contains_none", "[\"A\"]") "," C("advisory_ids", "contains_all",
                                                                "[\"A\",\"B\"]")),
        ANY(C("tcb_date", "within_days", "30") "," C("tcb_date", "min",
                                                     "\"2026-01-01T00:00:00Z\"")),
        ANY("{\"allOf\":[" C("tee", "equals", "\"sgx\"") "," C(
            "mrenclave", "exists", "true") "]},{\"allOf\":[" C("tee", "equals",
                                                               "\"tdx\"") "," C("mrtd", "exists",
                                                                                "true") "]}"),
        ALL(C("advisory_ids", "contains_all", "[\"A\"]") "," C("advisory_ids", "subset_of",
                                                               "[\"A\",\"B\"]")),
        ALL(C("tcb_status", "notIn", "[\"Revoked\",\"OutOfDate\"]") "," C("tcb_status", "notEquals",
                                                                          "\"UpToDate\"")),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *remarks = NULL;
        assert_false(failed(policy_check_text(span_str(rows[i]), NULL, &remarks)));
        char *all owned(free) = json_text(remarks);
        if (json_array_size(remarks))
            fail_msg("%s: %s", rows[i], all);
    }
    (void)state;
}

/* All that is wrong is told, not only the first. */
static void test_every_error_is_told(void **state)
{
    owned(json_free) json_t *remarks = NULL;
    static const char text[] = ANY("{\"allOf\":[" C("mrtdd", "equals", "1") "," C(
        "debug", "is", "false") "]},{\"allOf\":[]}," C("seamsvn", "min", "300") ",7");
    static const char *const paths[] = { "anyOf[0].allOf[0]", "anyOf[0].allOf[1]", "anyOf[1]",
                                         "anyOf[2]", "anyOf[3]" };
    assert_false(failed(policy_check_text(span_str(text), NULL, &remarks)));
    assert_int_equal(json_array_size(remarks), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(text_of(json_array_get(remarks, i), "path"), paths[i]);
    (void)state;
}

/* The cost of a lint is bounded: what cannot be compared within it is an error. */
static void test_bounded(void **state)
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    buf_add_str(&text, "{\"version\":\"1.0.0\",\"allOf\":[");
    for (int i = 0; i < 60; i++) {
        buf_addf(&text, "%s{\"claim\":\"isvsvn\",\"notIn\":[%d", i ? "," : "", i);
        for (int v = 0; v < 255; v++)
            buf_addf(&text, ",%d", 1000 + i * 256 + v);
        buf_add_str(&text, "]}");
    }
    buf_add_str(&text, "]}");
    assert_false(failed(buf_check(&text)));
    owned(json_free) json_t *remarks = NULL;
    assert_false(failed(policy_check_text(buf_span(&text), NULL, &remarks)));
    const json_t *last = json_array_get(remarks, json_array_size(remarks) - 1);
    assert_non_null(strstr(text_of(last, "message"), "too many values"));
    assert_false(policy_check_good(remarks));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_clean),   cmocka_unit_test(test_every_error_is_told),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
