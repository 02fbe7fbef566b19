// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

/* RFC 4648 section 10. */
static const struct {
    const char *bytes, *plain, *url;
} vectors[] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    { "\xfb\xff\xfe", "+//+", "-__-" },
};

static void vectors_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct buf plain owned(buf_done) = buf_of(64), url owned(buf_done) = buf_of(64);
        struct buf a owned(buf_done) = buf_of(64), b owned(buf_done) = buf_of(64);

        base64_add(&plain, span_str(vectors[i].bytes));
        base64url_add(&url, span_str(vectors[i].bytes));
        assert_string_equal(buf_str(&plain), vectors[i].plain);
        assert_string_equal(buf_str(&url), vectors[i].url);
        assert_false(failed(base64_parse(span_str(vectors[i].plain), &a)));
        assert_false(failed(base64url_parse(span_str(vectors[i].url), &b)));
        assert_string_equal(buf_str(&a), vectors[i].bytes);
        assert_string_equal(buf_str(&b), vectors[i].bytes);
    }
}

/* One value has one form. */
static void strictness(void **state)
{
    (void)state;
    static const char *const bad_url[] = {
        "Zg==", "Zm8=", "Z", "Zm9vY", "Zh", "Zm9", "Zm 9v", "Zm9v\n", " Zm9v", "Zm9+", "Zm9/", "Zm9v=", "Zm9vYmF.", "Z\xc3\xa9", "=", "====",
    };
    static const char *const bad_plain[] = {
        "Zg", "Zg=", "Zm8", "Zh==", "Zm9=", "Zm9-", "Zm9_", "Zm9v\n", "Zm9v====", "====", "=", "Z===", "Zg==Zg==", "Zm=v", " Zm9v", "Zm9vYmFy\r\n",
    };
    for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++) {
        struct buf out owned(buf_done) = buf_of(64);
        buf_add_str(&out, "kept");
        assert_int_equal(base64url_parse(span_str(bad_url[i]), &out).kind, FAIL_INPUT);
        assert_string_equal(buf_str(&out), "kept");
    }
    for (size_t i = 0; i < sizeof bad_plain / sizeof *bad_plain; i++) {
        struct buf out owned(buf_done) = buf_of(64);
        assert_int_equal(base64_parse(span_str(bad_plain[i]), &out).kind, FAIL_INPUT);
        assert_int_equal(out.len, 0);
    }
    struct buf out owned(buf_done) = buf_of(64);
    assert_true(failed(base64url_parse(SPAN("Zm\0v"), &out)));
}

static void exact_length(void **state)
{
    (void)state;
    uint8_t out[3] = { 1, 2, 3 };

    assert_true(failed(base64url_parse_exact(SPAN("Zm8"), out, 3)));
    assert_true(failed(base64url_parse_exact(SPAN("Zm9vYg"), out, 3)));
    assert_true(failed(base64url_parse_exact(SPAN("Zm9*"), out, 3)));
    assert_int_equal(out[0], 1); /* untouched by failures */
    assert_false(failed(base64url_parse_exact(SPAN("Zm9v"), out, 3)));
    assert_memory_equal(out, "foo", 3);
}

static void maximum_is_kept(void **state)
{
    (void)state;
    struct buf out owned(buf_done) = buf_of(2);

    assert_int_equal(base64url_parse(SPAN("Zm9v"), &out).kind, FAIL_LIMIT);
    char *text owned(free) = base64url_dup(SPAN("fooba"));
    assert_string_equal(text, "Zm9vYmE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_both_ways),
        cmocka_unit_test(strictness),
        cmocka_unit_test(exact_length),
        cmocka_unit_test(maximum_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
