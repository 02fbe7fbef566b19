// SPDX-License-Identifier: Apache-2.0
#include "attestd/appraise.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "attestd/channel.h"
#include "crypto/crypto.h"
#include "policy/policy.h"

#define NOW 1795435200

static json_t *parse(const char *text)
{
    json_t *j = NULL;
    if (failed(json_parse(span_str(text), &j)))
        fail_msg("%s", text);
    return j;
}

/* All policies must be met, in whatever order: L34, L52. */
static void test_all_policies(void **state)
{
    static const char yes[] =
        "{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":\"debug\",\"equals\":false}]}";
    static const char no[] =
        "{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":\"seamsvn\",\"min\":9}]}";
    owned(json_free) json_t *claims = parse("{\"debug\":false,\"seamsvn\":8}");
    for (int order = 0; order < 2; order++) {
        struct buf text owned(buf_done) = buf_of(4096);
        buf_addf(&text,
                 "[{\"id\":\"a\",\"version\":1,\"policy\":%s},{\"id\":\"b\",\"version\":2,"
                 "\"policy\":%s}]",
                 order ? yes : no, order ? no : yes);
        owned(json_free) json_t *policies = parse(buf_str(&text));
        struct appraisal a owned(appraisal_done) = { 0 };
        assert_false(failed(appraise(policies, claims, NOW, &a)));
        assert_false(a.met);
        assert_int_equal(json_array_size(a.policies), 2);
        assert_int_equal(json_array_size(a.failed), 1);
        const json_t *f = json_array_get(a.failed, 0);
        assert_string_equal(json_string_value(json_object_get(f, "policy")), order ? "b" : "a");
        assert_int_equal(json_integer_value(json_object_get(f, "expected")), 9);
        assert_int_equal(json_integer_value(json_object_get(f, "actual")), 8);
    }
    (void)state;
}

/* Those "if met" are named where they are; where none is met and no other is there, that is no. */
static void test_policies_if_met(void **state)
{
    static const char yes[] =
        "{\"id\":\"y\",\"version\":1,\"if_met\":true,\"policy\":{\"version\":\"1.0.0\",\"allOf\":["
        "{\"claim\":\"debug\",\"equals\":false}]}}";
    static const char no[] =
        "{\"id\":\"n\",\"version\":1,\"if_met\":true,\"policy\":{\"version\":\"1.0.0\",\"allOf\":["
        "{\"claim\":\"debug\",\"equals\":true}]}}";
    owned(json_free) json_t *claims = parse("{\"debug\":false}");
    for (int with = 0; with < 2; with++) {
        struct buf text owned(buf_done) = buf_of(4096);
        buf_addf(&text, "[%s%s%s]", no, with ? "," : "", with ? yes : "");
        owned(json_free) json_t *policies = parse(buf_str(&text));
        struct appraisal a owned(appraisal_done) = { 0 };
        assert_false(failed(appraise(policies, claims, NOW, &a)));
        assert_int_equal(a.met, with);
        assert_int_equal(json_array_size(a.policies), with);
        assert_int_equal(json_array_size(a.failed), 1);
    }
    (void)state;
}

/* The refusal under a policy as long as may be is one message to the issuer (channel.h), and says
 * what was asked for. */
static void test_long_policies_refuse_briefly(void **state)
{
    struct buf document owned(buf_done) = buf_of(POLICY_TEXT_MAX),
                        said owned(buf_done) = buf_of(CHANNEL_MESSAGE_MAX / 2);
    owned(json_free) json_t *claims = parse("{\"tee\":\"tdx\"}"), *policies = json_array();
    struct appraisal a owned(appraisal_done) = { 0 };
    buf_add_str(&document, "{\"version\":\"1.0.0\",\"anyOf\":[");
    for (int i = 0; i < 40; i++) {
        buf_addf(&document, "%s{\"claim\":\"mrtd\",\"in\":[", i ? "," : "");
        for (int n = 0; n < 26; n++)
            buf_addf(&document, "%s\"%096x\"", n ? "," : "", 1000 * i + n);
        buf_add_str(&document, "]}");
    }
    buf_add_str(&document, "]}");
    json_array_append_new(policies, json_pack("{s:s,s:i,s:o}", "id", "p", "version", 1, "policy",
                                              parse(buf_str(&document))));
    json_array_append(policies, json_array_get(policies, 0));
    assert_false(failed(appraise(policies, claims, NOW, &a)));
    assert_false(a.met);
    assert_false(failed(json_canonical(a.failed, &said)));
    const json_t *first = json_array_get(a.failed, 0);
    assert_string_equal(json_string_value(json_object_get(first, "expected")), "26 values");
    (void)state;
}

/* L8: what cannot be applied decides nothing. */
static void test_broken_policies(void **state)
{
    static const char *const rows[] = {
        "[]",
        "{}",
        "[{}]",
        "[{\"id\":\"a\",\"version\":1}]",
        "[{\"id\":\"a\",\"version\":1,\"policy\":{}}]",
        "[{\"id\":\"a\",\"version\":1,\"policy\":{\"version\":\"1.0.0\",\"allOf\":[]}}]",
        "[{\"id\":\"a\",\"version\":1,\"policy\":{\"version\":\"1.0.0\",\"allOf\":[{\"claim\":"
        "\"gone\",\"equals\":1}]}}]",
    };
    owned(json_free) json_t *claims = parse("{\"debug\":false}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *policies = parse(rows[i]);
        struct appraisal a owned(appraisal_done) = { 0 };
        assert_true(failed(appraise(policies, claims, NOW, &a)));
        assert_false(a.met);
    }
    (void)state;
}

static int set_up(void **state)
{
    (void)state;
    return failed(crypto_start(CRYPTO_MEMORY_PLAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_policies),
        cmocka_unit_test(test_policies_if_met),
        cmocka_unit_test(test_long_policies_refuse_briefly),
        cmocka_unit_test(test_broken_policies),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
