// SPDX-License-Identifier: Apache-2.0
/* Spans, buffers and hexadecimal text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"

static void spans(void **state)
{
    (void)state;
    struct span s = SPAN("attest"), none = { 0 };

    assert_true(span_equal(s, span_str("attest")) && span_equal(none, SPAN("")));
    assert_false(span_equal(s, SPAN("attesT")) || span_equal(s, SPAN("attes")));
    assert_true(span_equal_secret(s, span_str("attest")) && span_equal_secret(none, none));
    assert_false(span_equal_secret(s, SPAN("attesu")) || span_equal_secret(s, SPAN("attestt")));
    assert_true(span_equal_str(s, "attest") && !span_equal_str(s, "attes") && span_equal_str(none, NULL));
    assert_true(span_is_zero(SPAN("\0\0")) && span_is_zero(none) && !span_is_zero(SPAN("\0\1")));
    assert_true(span_starts(s, SPAN("att")) && span_starts(s, SPAN("")) && !span_starts(s, SPAN("attests")) && !span_starts(s, SPAN("b")));
    assert_int_equal(span_find(s, SPAN("test")), 2);
    assert_int_equal(span_find(s, SPAN("x")), 6);
    assert_int_equal(span_find(SPAN("a"), SPAN("ab")), 1);
    assert_int_equal(span_find(none, SPAN("a")), 0);
    assert_true(span_equal_str(span_head(s, 2), "at") && span_equal_str(span_head(s, 99), "attest"));
    assert_true(span_equal_str(span_tail(s, 2), "test") && span_tail(s, 99).len == 0 && span_tail(none, 3).len == 0);
    char *copy owned(free) = span_dup(span_head(s, 3));
    assert_string_equal(copy, "att");
    assert_int_equal(span_str(NULL).len, 0);
}

static void buffer_grows_to_its_maximum(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = buf_of(300);

    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 300; i++)
        buf_add_u8(&b, 'x');
    assert_false(failed(buf_check(&b)));
    assert_int_equal(strlen(buf_str(&b)), 300);
    buf_add_u8(&b, 'y');
    assert_int_equal(buf_check(&b).kind, FAIL_LIMIT);
    assert_int_equal(b.len, 300);
    buf_add(&b, SPAN("")); /* the failure sticks */
    assert_null(buf_extend(&b, 0));
    assert_null(buf_take_str(&b));
    buf_clear(&b);
    assert_false(failed(buf_check(&b)));
    assert_int_equal(b.len, 0);
    assert_null(buf_extend(&b, SIZE_MAX));
    assert_true(failed(buf_check(&b)));
}

static void buffer_pieces(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = buf_of(4096);

    buf_add_str(&b, "one ");
    buf_addf(&b, "%d %s", 2, "three");
    buf_add(&b, (struct span){ 0 });
    assert_string_equal(buf_str(&b), "one 2 three");
    buf_drop_front(&b, 4);
    assert_string_equal(buf_str(&b), "2 three");
    uint8_t *more = buf_extend(&b, 3);
    assert_true(span_is_zero(span_from(more, 3)));
    assert_int_equal(b.len, 10);
    buf_drop_front(&b, 100);
    assert_int_equal(b.len, 0);
    for (int i = 0; i < 100; i++)
        buf_addf(&b, "%d,", i);
    char *text owned(free) = buf_take_str(&b);
    assert_int_equal(strlen(text), 290);
    assert_null(b.at);
    char *empty owned(free) = buf_take_str(&b);
    assert_string_equal(empty, "");
    struct buf small owned(buf_done) = buf_of(3);
    buf_addf(&small, "%d", 1234);
    assert_int_equal(buf_check(&small).kind, FAIL_LIMIT);
    struct buf zero = { 0 };
    buf_add_u8(&zero, 1);
    assert_true(failed(buf_check(&zero)));
}

static void hex_text(void **state)
{
    (void)state;
    static const char *const bad[] = { "0", "0g", "g0", " 00", "00 ", "0x00", "00\n", "\xff\xff", "-1", "0:" };
    uint8_t out[2] = { 7, 7 };
    char text[8];
    struct buf b owned(buf_done) = buf_of(16);

    assert_false(failed(hex_parse_exact(SPAN("aBfF"), out, 2)));
    assert_memory_equal(out, "\xab\xff", 2);
    assert_string_equal(hex_str(SPAN_OF(out), text), "abff");
    assert_true(failed(hex_parse_exact(SPAN("ab"), out, 2)) && failed(hex_parse_exact(SPAN("abffab"), out, 2)));
    assert_true(failed(hex_parse_exact(SPAN("00xx"), out, 2)));
    assert_memory_equal(out, "\xab\xff", 2); /* untouched by failures */
    assert_false(failed(hex_parse_exact(SPAN(""), out, 0)));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hex_parse(span_str(bad[i]), &b).kind, FAIL_INPUT);
        assert_int_equal(b.len, 0);
    }
    assert_false(failed(hex_parse(SPAN("0001"), &b)));
    hex_add(&b, SPAN("\x2a"));
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.at, "\x00\x01\x32\x61", 4);
    struct buf small owned(buf_done) = buf_of(1);
    assert_int_equal(hex_parse(SPAN("0001"), &small).kind, FAIL_LIMIT);
}

static void kind_names(void **state)
{
    (void)state;
    assert_string_equal(fail_kind_name(FAIL_INPUT), "input");
    assert_string_equal(fail_kind_name(FAIL_SYSTEM), "system");
    assert_string_equal(fail_kind_name(99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans),
        cmocka_unit_test(buffer_grows_to_its_maximum),
        cmocka_unit_test(buffer_pieces),
        cmocka_unit_test(hex_text),
        cmocka_unit_test(kind_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
