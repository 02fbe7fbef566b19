// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

/* One text, one meaning. */
static void refused_texts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct span text;
    } rows[] = {
        { "empty", SPAN("") },
        { "duplicate member", SPAN("{\"a\":1,\"a\":2}") },
        { "duplicate member, escaped", SPAN("{\"a\":1,\"\\u0061\":2}") },
        { "duplicate member, nested", SPAN("{\"x\":[{\"a\":1,\"a\":1}]}") },
        { "trailing bytes", SPAN("{} x") },
        { "two documents", SPAN("{}{}") },
        { "NUL after the end", SPAN("{}\0") },
        { "NUL in a string, escaped", SPAN("{\"a\":\"\\u0000\"}") },
        { "NUL in a string, raw", SPAN("{\"a\":\"\0\"}") },
        { "NUL in a name", SPAN("{\"a\\u0000b\":1}") },
        { "invalid UTF-8", SPAN("{\"a\":\"\xff\"}") },
        { "overlong UTF-8", SPAN("{\"a\":\"\xc0\xaf\"}") },
        { "lone surrogate", SPAN("{\"a\":\"\\ud800\"}") },
        { "integer out of range", SPAN("[9223372036854775808]") },
        { "leading zero", SPAN("[01]") },
        { "NaN", SPAN("[NaN]") },
        { "single quotes", SPAN("{'a':1}") },
        { "trailing comma", SPAN("[1,]") },
        { "comment", SPAN("{}/* */") },
        { "scalar root", SPAN("1") },
        { "cut", SPAN("{\"a\":") },
        { "byte order mark", SPAN("\xef\xbb\xbf{}") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *j owned(json_free) = NULL;
        if (!failed(json_parse(rows[i].text, &j)))
            fail_msg("accepted: %s", rows[i].name);
        assert_null(j);
    }
}

/* L22: depth and length are bounded before the parser sees the text. */
static void depth_and_length(void **state)
{
    (void)state;
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        struct buf text owned(buf_done) = buf_of(4096);
        json_t *j owned(json_free) = NULL;

        for (size_t i = 0; i < depth; i++)
            buf_add_u8(&text, '[');
        for (size_t i = 0; i < depth; i++)
            buf_add_u8(&text, ']');
        assert_int_equal(json_parse(buf_span(&text), &j).kind, depth <= JSON_DEPTH_MAX ? FAIL_NONE : FAIL_LIMIT);
    }
    struct buf brackets owned(buf_done) = buf_of(4096);
    json_t *j owned(json_free) = NULL;
    buf_add_str(&brackets, "[\"\\\"");
    for (size_t i = 0; i < 100; i++)
        buf_add_u8(&brackets, '{');
    buf_add_str(&brackets, "\"]");
    assert_false(failed(json_parse(buf_span(&brackets), &j))); /* in a string they do not count */
    struct buf large owned(buf_done) = buf_of(JSON_TEXT_MAX + 16);
    uint8_t *at = buf_extend(&large, JSON_TEXT_MAX + 1);
    memset(at, ' ', JSON_TEXT_MAX + 1);
    at[0] = '[';
    at[1] = ']';
    json_t *k owned(json_free) = NULL;
    assert_int_equal(json_parse(buf_span(&large), &k).kind, FAIL_LIMIT);
    assert_false(failed(json_parse(span_head(buf_span(&large), JSON_TEXT_MAX), &k)));
}

static void every_prefix_fails(void **state)
{
    (void)state;
    struct span text = SPAN("{\"a\":[1,true,null,\"x\\n\",{\"b\":-1.5e3}]}");
    json_t *whole owned(json_free) = NULL;

    assert_false(failed(json_parse_object(text, &whole)));
    for (size_t len = 0; len < text.len; len++) {
        json_t *j owned(json_free) = NULL;
        assert_true(failed(json_parse(span_head(text, len), &j)));
    }
}

static void escapes_and_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
    } rows[] = {
        { "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "\"\\/\b\f\n\r\t" },
        { "[\"\\u0041\\u00e9\\u20AC\"]", "A\u00e9\u20ac" },
        { "[\"x\\ud83d\\ude00y\"]", "x\U0001f600y" },
        { "[\"\u00e9\u20ac\U0001f600\"]", "\u00e9\u20ac\U0001f600" },
        { "[\"\x7f\"]", "\x7f" },
    };
    static const char *const refused[] = { "[\"\\x\"]", "[\"\\u12g4\"]", "[\"\\ud83d\\u0041\"]", "[\"\\ud83dx\"]", "[\"\\udc00\"]",
                                           "[\"\xed\xa0\x80\"]", "[\"\xf4\x90\x80\x80\"]", "[\"\xe0\x9f\xbf\"]", "[\"\xc3\"]", "[\"\n\"]" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *j owned(json_free) = NULL;
        assert_false(failed(json_parse(span_str(rows[i].text), &j)));
        assert_string_equal(json_string_value(json_array_get(j, 0)), rows[i].value);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        json_t *j owned(json_free) = NULL;
        if (!failed(json_parse(span_str(refused[i]), &j)))
            fail_msg("accepted: %s", refused[i]);
    }
}

/* A long text with an escape now and then: pieced together, and written back as it was. */
static void long_texts(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(JSON_TEXT_MAX);
    json_t *j owned(json_free) = NULL;

    buf_add_str(&text, "[\"");
    for (int i = 0; i < 20000; i++)
        buf_add_str(&text, i % 7 ? "abc" : "\\n");
    buf_add_str(&text, "\"]");
    assert_false(failed(json_parse(buf_span(&text), &j)));
    char *again owned(free) = json_text(j);
    assert_string_equal(again, buf_str(&text));
}

static void numbers(void **state)
{
    (void)state;
    static const char *const good[] = { "0", "-0", "-1", "9223372036854775807", "-9223372036854775808", "1.5", "-0.25e-3", "1E+2", "1e-999" };
    static const char *const bad[] = { "-", "+1", "00", "-01", "1.", ".5", "1e", "1e+", "0x1", "1e999", "--1", "1-1", "1.2.3", "Infinity",
                                       "1000000000000000000000000000000000000000000000000000000000000000.0" };
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        bool wanted = i < sizeof good / sizeof *good;
        const char *number = wanted ? good[i] : bad[i - sizeof good / sizeof *good];
        struct buf text owned(buf_done) = buf_of(256);
        json_t *j owned(json_free) = NULL;
        buf_addf(&text, "[%s]", number);
        if (failed(json_parse(buf_span(&text), &j)) == wanted)
            fail_msg("%s: %s", wanted ? "refused" : "accepted", number);
    }
}

static void typed_members(void **state)
{
    (void)state;
    json_t *j owned(json_free) = NULL;
    struct span s = { 0 };
    uint64_t n = 7;
    bool b = false;
    const json_t *part = NULL;

    assert_false(failed(json_parse_object(SPAN("{\"s\":\"text\",\"n\":5,\"neg\":-1,\"b\":true,\"o\":{},\"a\":[],\"z\":null}"), &j)));
    assert_false(failed(json_get_str(j, "s", "s", &s)));
    assert_true(span_equal_str(s, "text"));
    assert_string_equal(json_get_str(j, "n", "n is text", &s).what, "n is text");
    assert_true(failed(json_get_str(j, "missing", "m", &s)));
    assert_false(failed(json_get_u64(j, "n", 5, "n", &n)));
    assert_int_equal(n, 5);
    assert_true(failed(json_get_u64(j, "n", 4, "n", &n)));
    assert_true(failed(json_get_u64(j, "neg", 4, "n", &n)));
    assert_false(failed(json_get_bool(j, "b", "b", &b)));
    assert_true(b);
    assert_true(failed(json_get_bool(j, "n", "b", &b)));
    assert_false(failed(json_get_object(j, "o", "o", &part)));
    assert_true(failed(json_get_object(j, "a", "o", &part)));
    assert_false(failed(json_get_array(j, "a", "a", &part)));
    assert_true(failed(json_get_array(j, "o", "a", &part)));
    n = 9;
    assert_false(failed(json_opt_u64(j, "missing", 10, "n", &n)));
    assert_int_equal(n, 9);
    assert_true(failed(json_opt_u64(j, "z", 10, "n", &n))); /* null is a wrong type, not absence */
    assert_true(failed(json_opt_str(j, "n", "s", &s)));
    assert_true(failed(json_opt_bool(j, "s", "b", &b)));
    assert_false(failed(json_only(j, (const char *[]){ "s", "n", "neg", "b", "o", "a", "z", NULL })));
    assert_true(failed(json_only(j, (const char *[]){ "s", "n", NULL })));
    json_t *array owned(json_free) = NULL;
    assert_true(failed(json_parse_object(SPAN("[]"), &array)));
}

static void building_and_canonical_form(void **state)
{
    (void)state;
    json_t *j owned(json_free) = json_object();
    struct buf canonical owned(buf_done) = buf_of(256), small owned(buf_done) = buf_of(8);

    json_set_str(j, "b", "x\"y");
    json_set_str(j, "none", NULL);
    json_set_int(j, "a", -3);
    json_set_bool(j, "c", true);
    json_set_hex(j, "h", SPAN("\x01\xff"));
    json_set_base64url(j, "u", SPAN("\xfb\xff\xfe"));
    json_set_span(j, "bad", SPAN("a\xff"));
    char *text owned(free) = json_text(j);
    assert_string_equal(text, "{\"b\":\"x\\\"y\",\"a\":-3,\"c\":true,\"h\":\"01ff\",\"u\":\"-__-\",\"bad\":\"a?\"}");
    assert_false(failed(json_canonical(j, &canonical)));
    assert_string_equal(buf_str(&canonical), "{\"a\":-3,\"b\":\"x\\\"y\",\"bad\":\"a?\",\"c\":true,\"h\":\"01ff\",\"u\":\"-__-\"}");
    assert_int_equal(json_canonical(j, &small).kind, FAIL_LIMIT);
    json_set_int(NULL, "a", 1);
    assert_null(json_text(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_texts),
        cmocka_unit_test(depth_and_length),
        cmocka_unit_test(every_prefix_fails),
        cmocka_unit_test(escapes_and_characters),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(numbers),
        cmocka_unit_test(typed_members),
        cmocka_unit_test(building_and_canonical_form),
    };
    json_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
