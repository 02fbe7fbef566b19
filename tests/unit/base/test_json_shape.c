// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_shape.h"

static const struct json_shape item[] = { { "", SHAPE_TEXT, .min = 1, .max = 3 } };
static const struct json_shape inner[] = { { "when", SHAPE_TIME, true }, { "id", SHAPE_UUID }, { 0 } };
static const struct json_shape open_members[] = { { "kty", SHAPE_TEXT, true }, SHAPE_OTHERS, { 0 } };
static const struct json_shape members[] = {
    { "name", SHAPE_TEXT, true, .min = 2, .max = 4 },
    { "kind", SHAPE_TEXT, .words = (const char *const[]){ "a", "b", NULL } },
    { "count", SHAPE_NUMBER, .min = 1, .max = 14 },
    { "digits", SHAPE_DIGITS, .max = 99 },
    { "hex", SHAPE_HEX, .min = 2, .max = 4 },
    { "sure", SHAPE_BOOL },
    { "list", SHAPE_LIST, .min = 1, .max = 2, .inner = item },
    { "inner", SHAPE_OBJECT, .inner = inner },
    { "jwk", SHAPE_OBJECT, .inner = open_members },
    { "any", SHAPE_ANY },
    { "ruled", SHAPE_NUMBER, .max = 1, .rule = "as the rule says" },
    { 0 },
};

/* The pointers of what is wrong, one after the other; "" when nothing is. */
static void pointers_of(const char *text, bool any_case, char out[2048])
{
    json_t *j owned(json_free) = NULL, *errors owned(json_free) = NULL, *e;
    size_t i, at = 0;

    out[0] = 0;
    if (failed(json_parse_object(span_str(text), &j)))
        fail_msg("not JSON: %s", text);
    errors = json_shape_errors(j, members, any_case);
    json_array_foreach(errors, i, e)
    {
        assert_true(json_string_length(json_object_get(e, "detail")) > 0);
        at += (size_t)snprintf(out + at, 2048 - at, "%s%s", i ? " " : "", json_string_value(json_object_get(e, "pointer")));
    }
}

static void members_that_are_wrong(void **state)
{
    static const struct {
        const char *text, *pointers;
    } rows[] = {
        { "{\"name\":\"ab\"}", "" },
        { "{\"name\":\"abcd\",\"count\":14,\"hex\":\"0aF0\",\"list\":[\"x\",\"yyy\"],\"sure\":false,\"any\":[null]}", "" },
        { "{\"name\":\"ab\",\"inner\":{\"when\":\"2026-11-23T12:00:00Z\",\"id\":\"6a1c1d0e-6a2f-4a7e-9a55-0d8a3c6c1f00\"}}", "" },
        { "{\"name\":\"ab\",\"jwk\":{\"kty\":\"EC\",\"x\":1}}", "" },
        { "{\"name\":\"ab\",\"digits\":\"99\"}", "" },
        { "{}", "#/name" },
        { "{\"name\":\"a\"}", "#/name" },
        { "{\"name\":\"abcde\"}", "#/name" },
        { "{\"name\":null}", "#/name" },
        { "{\"name\":\"ab\",\"kind\":\"c\"}", "#/kind" },
        { "{\"name\":\"ab\",\"count\":0}", "#/count" },
        { "{\"name\":\"ab\",\"count\":15}", "#/count" },
        { "{\"name\":\"ab\",\"count\":-1}", "#/count" },
        { "{\"name\":\"ab\",\"count\":1.0}", "#/count" },
        { "{\"name\":\"ab\",\"digits\":\"100\"}", "#/digits" },
        { "{\"name\":\"ab\",\"digits\":\"\"}", "#/digits" },
        { "{\"name\":\"ab\",\"digits\":\"1x\"}", "#/digits" },
        { "{\"name\":\"ab\",\"digits\":\"9999999999999999999\"}", "#/digits" },
        { "{\"name\":\"ab\",\"hex\":\"0g\"}", "#/hex" },
        { "{\"name\":\"ab\",\"sure\":1}", "#/sure" },
        { "{\"name\":\"ab\",\"list\":[]}", "#/list" },
        { "{\"name\":\"ab\",\"list\":[\"a\",\"b\",\"c\"]}", "#/list" },
        { "{\"name\":\"ab\",\"list\":[\"a\",\"\"]}", "#/list/1" },
        { "{\"name\":\"ab\",\"list\":[\"abcd\",7]}", "#/list/0 #/list/1" },
        { "{\"name\":\"ab\",\"inner\":{\"when\":\"soon\",\"id\":\"x\"}}", "#/inner/when #/inner/id" },
        { "{\"name\":\"ab\",\"inner\":[]}", "#/inner" },
        { "{\"name\":\"ab\",\"inner\":{\"more\":1}}", "#/inner/more #/inner/when" },
        { "{\"name\":\"ab\",\"jwk\":{}}", "#/jwk/kty" },
        { "{\"name\":\"ab\",\"a/b~c\":1}", "#/a~1b~0c" },
        { "{\"NAME\":\"ab\"}", "#/NAME #/name" },
    };
    char found[2048];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pointers_of(rows[i].text, false, found);
        assert_string_equal(found, rows[i].pointers);
    }
    pointers_of("{\"NAME\":\"ab\"}", true, found);
    assert_string_equal(found, "");
}

/* However much is wrong, and however long its names are. */
static void the_list_is_bounded(void **state)
{
    struct buf text owned(buf_done) = buf_of(1 << 20);
    char found[2048], name[200];
    json_t *j owned(json_free) = NULL, *errors owned(json_free) = NULL;

    (void)state;
    buf_add_str(&text, "{\"name\":\"ab\"");
    for (int i = 0; i < 1000; i++)
        buf_addf(&text, ",\"x%d\":1", i);
    buf_add_str(&text, "}");
    assert_int_equal(json_parse_object(buf_span(&text), &j).kind, FAIL_NONE);
    errors = json_shape_errors(j, members, false);
    assert_int_equal(json_array_size(errors), SHAPE_ERRORS_MAX);
    memset(name, 'n', sizeof name);
    char long_name[400];
    snprintf(long_name, sizeof long_name, "{\"name\":\"ab\",\"%.*s\":1}", (int)sizeof name, name);
    pointers_of(long_name, false, found);
    assert_string_equal(found, "#"); /* not repeated */
}

/* L38: a value is never said back. */
static void values_are_not_repeated(void **state)
{
    json_t *j owned(json_free) = NULL, *errors owned(json_free) = NULL;

    (void)state;
    assert_int_equal(json_parse_object(SPAN("{\"name\":\"canary-value\",\"count\":77777,\"kind\":\"canary\"}"), &j).kind, FAIL_NONE);
    errors = json_shape_errors(j, members, false);
    char *text owned(free) = json_text(errors);
    assert_int_equal(json_array_size(errors), 3);
    assert_null(strstr(text, "canary"));
    assert_null(strstr(text, "77777"));
}

static void rules_are_said(void **state)
{
    json_t *j owned(json_free) = NULL, *errors owned(json_free) = NULL, *one owned(json_free) = json_shape_error("a.b[0]", "why");

    (void)state;
    assert_int_equal(json_parse_object(SPAN("{\"name\":\"ab\",\"ruled\":2}"), &j).kind, FAIL_NONE);
    errors = json_shape_errors(j, members, false);
    assert_string_equal(json_string_value(json_object_get(json_array_get(errors, 0), "detail")), "as the rule says");
    assert_string_equal(json_string_value(json_object_get(one, "pointer")), "#/a/b/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_that_are_wrong),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(values_are_not_repeated),
        cmocka_unit_test(rules_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
