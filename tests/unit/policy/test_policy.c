// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEX96                                                                                      \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d" \
    "2e2f"
#define HEX96_UPPER                                                                                \
    "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D" \
    "2E2F"
#define ALL(conditions) "{\"version\":\"1.0.0\",\"anyOf\":[{\"allOf\":[" conditions "]}]}"
#define NOW 1795435200 /* 2026-11-23T12:00:00Z */

static const char tdx_claims[] =
    "{\"tee\":\"tdx\",\"root\":\"vendor\",\"debug\":false,\"mrtd\":\"" HEX96
    "\",\"tcb_status\":\"OutOfDate\","
    "\"seamsvn\":5,\"tcb_date\":\"2026-11-13T12:00:00Z\",\"advisory_ids\":[\"INTEL-SA-00001\","
    "\"INTEL-SA-00002\"],"
    "\"rtmr0\":7,\"collateral_expires\":\"2026-12-23T12:00:00Z\"}";

static struct policy *parse_good(const char *text)
{
    struct policy *p = NULL;
    char *message = NULL;
    struct err e = policy_parse(span_str(text), &p, &message);
    if (failed(e))
        fail_msg("%s: %s", text, message);
    return p;
}

static bool met(const char *policy, const char *claims_text)
{
    owned(policy_free) struct policy *p = parse_good(policy);
    owned(json_free) json_t *claims = NULL;
    assert_false(failed(json_parse_object(span_str(claims_text), &claims)));
    struct policy_result r owned(policy_result_done) = { 0 };
    assert_false(failed(policy_evaluate(p, claims, NOW, &r)));
    return r.met;
}

static void test_operators(void **state)
{
    static const struct {
        const char *condition;
        bool holds;
    } rows[] = {
        { "{\"claim\":\"debug\",\"equals\":false}", true },
        { "{\"claim\":\"debug\",\"equals\":true}", false },
        { "{\"claim\":\"debug\",\"notEquals\":true}", true },
        { "{\"claim\":\"mrtd\",\"equals\":\"" HEX96 "\"}", true },
        { "{\"claim\":\"mrtd\",\"equals\":\"" HEX96_UPPER "\"}", true },
        { "{\"claim\":\"mrtd\",\"notEquals\":\"" HEX96_UPPER "\"}", false },
        { "{\"claim\":\"tcb_status\",\"in\":[\"UpToDate\",\"OutOfDate\"]}", true },
        { "{\"claim\":\"tcb_status\",\"in\":[\"UpToDate\"]}", false },
        { "{\"claim\":\"tcb_status\",\"notIn\":[\"UpToDate\"]}", true },
        { "{\"claim\":\"tcb_status\",\"notIn\":[\"OutOfDate\"]}", false },
        { "{\"claim\":\"seamsvn\",\"min\":5}", true },
        { "{\"claim\":\"seamsvn\",\"min\":6}", false },
        { "{\"claim\":\"seamsvn\",\"max\":5}", true },
        { "{\"claim\":\"seamsvn\",\"max\":4}", false },
        { "{\"claim\":\"seamsvn\",\"less\":5}", false },
        { "{\"claim\":\"seamsvn\",\"less\":6}", true },
        { "{\"claim\":\"seamsvn\",\"lessOrEquals\":5}", true },
        { "{\"claim\":\"seamsvn\",\"greater\":5}", false },
        { "{\"claim\":\"seamsvn\",\"greater\":4}", true },
        { "{\"claim\":\"seamsvn\",\"greaterOrEquals\":5}", true },
        { "{\"claim\":\"seamsvn\",\"in\":[4,5]}", true },
        { "{\"claim\":\"tcb_date\",\"within_days\":10}", true },
        { "{\"claim\":\"tcb_date\",\"within_days\":9}", false },
        { "{\"claim\":\"collateral_expires\",\"within_days\":100}", false }, /* in the future */
        { "{\"claim\":\"tcb_date\",\"min\":\"2026-11-13T12:00:00Z\"}", true },
        { "{\"claim\":\"tcb_date\",\"greater\":\"2026-11-13T12:00:00+00:00\"}", false },
        { "{\"claim\":\"tcb_date\",\"equals\":\"2026-11-13T13:00:00+01:00\"}", true },
        { "{\"claim\":\"advisory_ids\",\"contains_all\":[\"INTEL-SA-00002\"]}", true },
        { "{\"claim\":\"advisory_ids\",\"contains_all\":[\"INTEL-SA-00003\"]}", false },
        { "{\"claim\":\"advisory_ids\",\"subset_of\":[\"INTEL-SA-00001\",\"INTEL-SA-00002\","
          "\"INTEL-SA-3\"]}",
          true },
        { "{\"claim\":\"advisory_ids\",\"subset_of\":[\"INTEL-SA-00001\"]}", false }, /* L46 */
        { "{\"claim\":\"advisory_ids\",\"equals\":[\"INTEL-SA-00002\",\"INTEL-SA-00001\"]}", true },
        { "{\"claim\":\"advisory_ids\",\"equals\":[]}", false },
        { "{\"claim\":\"advisory_ids\",\"notEquals\":[]}", true },
        { "{\"claim\":\"seamsvn\",\"exists\":true}", true },
        { "{\"claim\":\"seamsvn\",\"exists\":false}", false },
        /* absent: nothing holds but exists:false */
        { "{\"claim\":\"xfam\",\"exists\":false}", true },
        { "{\"claim\":\"xfam\",\"exists\":true}", false },
        { "{\"claim\":\"migratable\",\"equals\":false}", false },
        { "{\"claim\":\"migratable\",\"notEquals\":true}", false },
        { "{\"claim\":\"xfam\",\"notIn\":[\"0000000000000000\"]}", false },
        /* of the wrong type in the claims: nothing holds either */
        { "{\"claim\":\"rtmr0\",\"notEquals\":\"" HEX96 "\"}", false },
        { "{\"claim\":\"rtmr0\",\"notIn\":[\"" HEX96 "\"]}", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf text owned(buf_done) = buf_of(4096);
        buf_addf(&text, ALL("%s"), rows[i].condition);
        if (met(buf_str(&text), tdx_claims) != rows[i].holds)
            fail_msg("%s", rows[i].condition);
    }
    (void)state;
}

static void test_refused_when_written(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        { ALL("{\"claim\":\"mrtdd\",\"equals\":1}"), "anyOf[0].allOf[0]: unknown claim \"mrtdd\"" },
        { ALL("{\"claim\":\"debug\",\"is\":false}"), "anyOf[0].allOf[0]: unknown operator \"is\"" },
        { ALL("{\"claim\":\"debug\"}"), "anyOf[0].allOf[0]: no operator" },
        { ALL("{\"claim\":\"seamsvn\",\"min\":1,\"max\":2}"), "anyOf[0].allOf[0]: two operators" },
        { ALL("{\"claim\":\"debug\",\"equals\":\"false\"}"),
          "debug equals: the claim is true or false" },
        { ALL("{\"claim\":\"debug\",\"min\":false}"), "does not take claims of this type" },
        { ALL("{\"claim\":\"seamsvn\",\"min\":256}"), "can never have this number" },
        { ALL("{\"claim\":\"seamsvn\",\"min\":-1}"), "can never have this number" },
        { ALL("{\"claim\":\"seamsvn\",\"min\":1.5}"), "is a number" },
        { ALL("{\"claim\":\"mrtd\",\"equals\":\"00\"}"), "exactly as many digits" },
        { ALL("{\"claim\":\"mrtd\",\"in\":[\"" HEX96 "\",\"zz\"]}"), "exactly as many digits" },
        { ALL("{\"claim\":\"mrtd\",\"in\":[]}"), "empty set" },
        { ALL("{\"claim\":\"mrtd\",\"in\":\"" HEX96 "\"}"), "must be a list" },
        { ALL("{\"claim\":\"advisory_ids\",\"subset_of\":[]}"), "empty set" },
        { ALL("{\"claim\":\"advisory_ids\",\"in\":[\"a\"]}"), "does not take claims of this type" },
        { ALL("{\"claim\":\"tcb_status\",\"equals\":\"uptodate\"}"), "can never have this value" },
        { ALL("{\"claim\":\"tcb_date\",\"min\":\"yesterday\"}"), "RFC 3339" },
        { ALL("{\"claim\":\"tcb_date\",\"within_days\":0}"), "whole number of days" },
        { ALL("{\"claim\":\"seamsvn\",\"within_days\":3}"), "does not take claims of this type" },
        { ALL("{\"claim\":\"seamsvn\",\"exists\":1}"), "exists takes true or false" },
        { ALL(""), "anyOf[0]: empty \"allOf\"" },
        { ALL("3"), "anyOf[0].allOf[0]: must be an object" },
        { ALL("{\"claim\":3,\"equals\":1}"), "\"claim\" must be text" },
        { ALL("{\"allOf\":[{\"claim\":\"debug\",\"equals\":false}],\"anyOf\":[]}"),
          "exactly one of" },
        { "{\"version\":\"1.0.0\",\"anyOf\":[]}", "policy: empty \"anyOf\"" },
        { "{\"version\":\"1.0.0\"}", "exactly one of" },
        { "{\"anyOf\":[{\"claim\":\"debug\",\"equals\":false}]}", "\"version\" is missing" },
        { "{\"version\":\"2\",\"anyOf\":[{\"claim\":\"debug\",\"equals\":false}]}",
          "unknown version" },
        { "{\"version\":\"1.0.0\",\"anyOf\":[{\"authority\":3,\"allOf\":[]}]}",
          "\"authority\" must be text" },
        { "{\"version\":\"1.0.0\",\"noneOf\":[]}", "unknown member \"noneOf\"" },
        { "{\"version\":\"1.0.0\",\"allOf\":{}}", "must be a list" },
        { "{\"version\":\"1.0.0\",\"allOf\":[],\"allOf\":[]}", "policy: " },
        { "[]", "policy: " },
        { "", "policy: " },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(policy_free) struct policy *p = NULL;
        char *message owned(free) = NULL;
        assert_true(failed(policy_parse(span_str(rows[i].text), &p, &message)));
        assert_null(p);
        if (!message || !strstr(message, rows[i].message))
            fail_msg("%s: %s", rows[i].text, message ? message : "(none)");
    }
    (void)state;
}

static void nested(struct buf *out, int depth)
{
    buf_add_str(out, "{\"version\":\"1.0.0\"");
    for (int i = 0; i < depth; i++)
        buf_add_str(out, i ? "{\"allOf\":[" : ",\"allOf\":[");
    buf_add_str(out, "{\"claim\":\"debug\",\"equals\":false}");
    for (int i = 0; i < depth; i++)
        buf_add_str(out, "]}");
}

static void test_limits(void **state)
{
    for (int depth = 1; depth <= POLICY_DEPTH_MAX + 1; depth++) {
        struct buf text owned(buf_done) = buf_of(4096);
        nested(&text, depth);
        owned(policy_free) struct policy *p = NULL;
        char *message owned(free) = NULL;
        assert_int_equal(failed(policy_parse(buf_span(&text), &p, &message)),
                         depth > POLICY_DEPTH_MAX);
    }
    for (int extra = 0; extra < 2; extra++) {
        struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
        buf_add_str(&text, "{\"version\":\"1.0.0\",\"allOf\":[");
        for (int i = 0; i < POLICY_NODES_MAX - 1 + extra; i++)
            buf_addf(&text, "%s{\"claim\":\"seamsvn\",\"min\":%d}", i ? "," : "", i % 200);
        buf_add_str(&text, "]}");
        owned(policy_free) struct policy *p = NULL;
        char *message owned(free) = NULL;
        assert_int_equal(failed(policy_parse(buf_span(&text), &p, &message)), extra);
    }
    (void)state;
}

static void test_prefixes_fail(void **state)
{
    static const char text[] =
        ALL("{\"claim\":\"debug\",\"equals\":false},{\"claim\":\"seamsvn\",\"in\":[1,2]}");
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        owned(policy_free) struct policy *p = NULL;
        char *message owned(free) = NULL;
        assert_true(failed(policy_parse(span_from(text, len), &p, &message)));
    }
    struct buf longer owned(buf_done) = buf_of(4096);
    buf_add_str(&longer, text);
    buf_add_str(&longer, "x");
    owned(policy_free) struct policy *p = NULL;
    char *message owned(free) = NULL;
    assert_true(failed(policy_parse(buf_span(&longer), &p, &message)));
    (void)state;
}

static const char two_ways[] =
    "{\"version\":\"1.0.0\",\"anyOf\":["
    "{\"authority\":\"https://as.example\",\"allOf\":[{\"claim\":\"tee\",\"equals\":\"sgx\"},"
    "{\"claim\":\"isvsvn\",\"min\":3},{\"claim\":\"debug\",\"equals\":false}]},"
    "{\"allOf\":[{\"claim\":\"tee\",\"equals\":\"tdx\"},"
    "{\"anyOf\":[{\"claim\":\"seamsvn\",\"min\":9},{\"claim\":\"tcb_status\",\"equals\":"
    "\"UpToDate\"}]}]}]}";

static void test_explains_refusal(void **state)
{
    owned(policy_free) struct policy *p = parse_good(two_ways);
    owned(json_free) json_t *claims = NULL, *why = NULL;
    struct policy_result r owned(policy_result_done) = { 0 };
    assert_false(failed(json_parse_object(span_str(tdx_claims), &claims)));
    assert_false(failed(policy_evaluate(p, claims, NOW, &r)));
    assert_false(r.met);
    assert_int_equal(r.count, 6); /* no short circuit: L44 */
    assert_string_equal(r.findings[1].claim, "isvsvn");
    assert_null(r.findings[1].actual);
    assert_string_equal(r.findings[4].path, "anyOf[1].allOf[1].anyOf[0]");
    assert_string_equal(r.findings[4].op, "min");
    assert_int_equal(json_integer_value(r.findings[4].expected), 9);
    assert_int_equal(json_integer_value(r.findings[4].actual), 5);

    assert_false(failed(policy_explain(p, &r, &why)));
    const json_t *alternatives = json_object_get(why, "alternatives");
    assert_int_equal(json_array_size(alternatives), 2);
    assert_int_equal(json_array_size(json_object_get(json_array_get(alternatives, 0), "failed")),
                     2);
    assert_int_equal(json_array_size(json_object_get(json_array_get(alternatives, 1), "failed")),
                     2);
    assert_true(json_is_false(json_object_get(json_array_get(alternatives, 1), "met")));
    assert_string_equal(json_string_value(json_object_get(why, "nearest")), "anyOf[1]");

    /* the smallest change: one of the two that either would do */
    const json_t *change = json_object_get(why, "smallest_change");
    assert_int_equal(json_array_size(change), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(change, 0), "needed")),
                        "seamsvn is at least 9; found: 5");
    assert_false(r.findings[1].nearest);
    assert_true(r.findings[4].nearest);
    assert_false(r.findings[5].nearest);
    assert_string_equal(r.findings[0].alternative, "anyOf[0]");
    assert_string_equal(r.findings[5].alternative, "anyOf[1]");
    (void)state;
}

/* The condition that would accept what was found: it does, and what was accepted before still is.
 */
static void test_loosened(void **state)
{
    static const struct {
        const char *condition, *loosened;
    } rows[] = {
        { "{\"claim\":\"seamsvn\",\"min\":9}", "{\"claim\":\"seamsvn\",\"min\":5}" },
        { "{\"claim\":\"seamsvn\",\"less\":5}", "{\"claim\":\"seamsvn\",\"max\":5}" },
        { "{\"claim\":\"seamsvn\",\"equals\":4}", "{\"claim\":\"seamsvn\",\"in\":[4,5]}" },
        { "{\"claim\":\"tcb_status\",\"in\":[\"UpToDate\"]}",
          "{\"claim\":\"tcb_status\",\"in\":[\"UpToDate\",\"OutOfDate\"]}" },
        { "{\"claim\":\"seamsvn\",\"notIn\":[4,5]}", "{\"claim\":\"seamsvn\",\"notIn\":[4]}" },
        { "{\"claim\":\"seamsvn\",\"notIn\":[5]}", NULL },
        { "{\"claim\":\"tcb_date\",\"within_days\":3}",
          "{\"claim\":\"tcb_date\",\"within_days\":10}" },
        { "{\"claim\":\"advisory_ids\",\"subset_of\":[\"INTEL-SA-00001\"]}",
          "{\"claim\":\"advisory_ids\",\"subset_of\":[\"INTEL-SA-00001\",\"INTEL-SA-00002\"]}" },
        { "{\"claim\":\"advisory_ids\",\"contains_none\":[\"INTEL-SA-00001\",\"X\"]}",
          "{\"claim\":\"advisory_ids\",\"contains_none\":[\"X\"]}" },
        { "{\"claim\":\"debug\",\"equals\":true}", NULL },
        { "{\"claim\":\"xfam\",\"exists\":true}", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf text owned(buf_done) = buf_of(4096);
        buf_addf(&text, ALL("%s"), rows[i].condition);
        owned(policy_free) struct policy *p = parse_good(buf_str(&text));
        owned(json_free) json_t *claims = NULL, *wanted = NULL;
        struct policy_result r owned(policy_result_done) = { 0 };
        assert_false(failed(json_parse_object(span_str(tdx_claims), &claims)));
        assert_false(failed(policy_evaluate(p, claims, NOW, &r)));
        assert_false(r.met);
        owned(json_free) json_t *loosened = policy_finding_loosened(&r.findings[0], NOW);
        if (rows[i].loosened)
            assert_false(failed(json_parse_object(span_str(rows[i].loosened), &wanted)));
        if (!loosened != !wanted || (wanted && !json_equal(loosened, wanted)))
            fail_msg("%s", rows[i].condition);
        if (!wanted)
            continue;
        struct buf again owned(buf_done) = buf_of(4096);
        buf_addf(&again, ALL("%s"), rows[i].loosened);
        assert_true(met(buf_str(&again), tdx_claims));
    }
    (void)state;
}

/* Of two ways that are open, the one not taken is no reason for the refusal. */
static void test_blames_only_what_blocks(void **state)
{
    owned(policy_free) struct policy *p = parse_good(
        "{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":\"root\",\"equals\":\"configured\"},"
        "{\"anyOf\":[{\"claim\":\"tee\",\"equals\":\"sgx\"},{\"claim\":\"tee\",\"equals\":\"tdx\"}]"
        "}]}");
    owned(json_free) json_t *claims = NULL;
    struct policy_result r owned(policy_result_done) = { 0 };
    assert_false(failed(json_parse_object(span_str(tdx_claims), &claims)));
    assert_false(failed(policy_evaluate(p, claims, NOW, &r)));
    assert_false(r.met);
    assert_true(r.findings[0].blocks);
    assert_false(r.findings[1].passed);
    assert_false(r.findings[1].blocks);
    assert_true(r.findings[2].passed);
    (void)state;
}

static void test_any_alternative_is_enough(void **state)
{
    assert_true(met(two_ways, "{\"tee\":\"tdx\",\"tcb_status\":\"UpToDate\"}"));
    assert_true(met(two_ways, "{\"tee\":\"sgx\",\"isvsvn\":3,\"debug\":false}"));
    assert_false(met(
        two_ways, "{\"tee\":\"sgx\",\"isvsvn\":2,\"debug\":false}")); /* L52: a minimum, and AND */
    assert_false(met(two_ways, "{\"tee\":\"sgx\",\"isvsvn\":3,\"debug\":true}"));
    assert_false(met(two_ways, "{}"));
    (void)state;
}

static void test_canonical(void **state)
{
    owned(policy_free) struct policy *a = parse_good(ALL("{\"claim\":\"debug\",\"equals\":false}"));
    owned(policy_free) struct policy *b =
        parse_good("{ \"anyOf\":[ {\"allOf\":[{\"equals\":false,\"claim\":\"debug\"}]} ], "
                   "\"version\":\"1.0.0\" }");
    owned(policy_free) struct policy *c = parse_good(ALL("{\"claim\":\"debug\",\"equals\":true}"));
    struct buf ta owned(buf_done) = buf_of(4096), tb owned(buf_done) = buf_of(4096),
                  tc owned(buf_done) = buf_of(4096);
    assert_false(failed(policy_canonical(a, &ta)));
    assert_false(failed(policy_canonical(b, &tb)));
    assert_false(failed(policy_canonical(c, &tc)));
    assert_true(span_equal(buf_span(&ta), buf_span(&tb)));
    assert_false(span_equal(buf_span(&ta), buf_span(&tc)));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_refused_when_written),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_prefixes_fail),
        cmocka_unit_test(test_explains_refusal),
        cmocka_unit_test(test_loosened),
        cmocka_unit_test(test_any_alternative_is_enough),
        cmocka_unit_test(test_blames_only_what_blocks),
        cmocka_unit_test(test_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
