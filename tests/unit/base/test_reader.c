// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/reader.h"
#include "base/writer.h"

static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };

static void integers_in_both_orders(void **state)
{
    (void)state;
    struct reader le = reader_of(SPAN_OF(bytes)), be = reader_of(SPAN_OF(bytes));

    assert_int_equal(reader_u8(&le), 1);
    assert_int_equal(reader_u16le(&le), 0x0302);
    assert_int_equal(reader_u32le(&le), 0x07060504);
    assert_true(reader_u64le(&le) == 0x0f0e0d0c0b0a0908);
    assert_false(failed(reader_end(&le, "all")));
    assert_int_equal(reader_u8(&be), 1);
    assert_int_equal(reader_u16be(&be), 0x0203);
    assert_int_equal(reader_u32be(&be), 0x04050607);
    assert_true(reader_u64be(&be) == 0x08090a0b0c0d0e0f);
    assert_false(failed(reader_end(&be, "all")));
}

static void failure_sticks(void **state)
{
    (void)state;
    struct reader r = reader_of(SPAN_OF(bytes));
    uint8_t copy[4] = { 9, 9, 9, 9 };

    (void)reader_take(&r, 14);
    assert_int_equal(reader_u16le(&r), 0);
    assert_true(r.failed);
    assert_int_equal(reader_u8(&r), 0); /* one byte was left, but the reader has failed */
    assert_int_equal(reader_take(&r, 0).len, 0);
    assert_int_equal(reader_rest(&r).len, 0);
    reader_copy(&r, copy, sizeof copy);
    assert_true(span_is_zero(SPAN_OF(copy)));
    struct err e = reader_end(&r, "frame");
    assert_int_equal(e.kind, FAIL_INPUT);
    assert_int_equal(e.at, 14);
    assert_string_equal(e.what, "frame");
    assert_true(failed(reader_good(&r, "frame")));
}

static void trailing_bytes_fail_at_the_end_only(void **state)
{
    (void)state;
    struct reader r = reader_of(SPAN_OF(bytes));

    (void)reader_take(&r, 3);
    assert_false(failed(reader_good(&r, "head")));
    assert_int_equal(reader_end(&r, "head").at, 3);
}

static void length_near_the_top_does_not_wrap(void **state)
{
    (void)state;
    struct reader r = reader_of(SPAN_OF(bytes));

    (void)reader_take(&r, 2);
    assert_null(reader_take(&r, SIZE_MAX).at);
    assert_true(r.failed);
}

static void nested_readers(void **state)
{
    (void)state;
    struct reader r = reader_of(SPAN_OF(bytes));

    (void)reader_u8(&r);
    struct reader sub = reader_sub(&r, 4);
    assert_int_equal(reader_u32be(&sub), 0x02030405);
    assert_int_equal(reader_u8(&sub), 0); /* its own end */
    assert_true(sub.failed);
    assert_false(r.failed);
    assert_int_equal(reader_u8(&r), 6);
    struct reader beyond = reader_sub(&r, 100);
    assert_true(beyond.failed);
    assert_true(r.failed);
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    struct reader r = reader_of(SPAN_OF(bytes));

    for (int i = 0; i < READER_DEPTH_MAX; i++) {
        r = reader_sub(&r, r.rest.len);
        assert_false(r.failed);
    }
    r = reader_sub(&r, r.rest.len);
    assert_true(r.failed);
}

static void require_marks_failure(void **state)
{
    (void)state;
    struct reader r = reader_of(SPAN_OF(bytes));

    reader_require(&r, true);
    assert_false(r.failed);
    reader_require(&r, false);
    assert_true(r.failed);
}

static void runs_of_accepted_bytes(void **state)
{
    (void)state;
    static const bool digit[256] = { ['0' ... '9'] = true };
    struct reader r = reader_of(SPAN("12a3"));

    assert_int_equal(reader_while(&r, digit).len, 2);
    assert_int_equal(reader_peek(&r), 'a');
    assert_int_equal(reader_while(&r, digit).len, 0);
    assert_int_equal(reader_u8(&r), 'a');
    assert_int_equal(reader_while(&r, digit).len, 1);
    assert_int_equal(reader_peek(&r), 0);
    assert_int_equal(reader_while(&r, digit).len, 0);
    assert_false(failed(reader_end(&r, "digits")));
    (void)reader_u8(&r);
    assert_int_equal(reader_while(&r, digit).len, 0);
    assert_true(failed(reader_end(&r, "digits")));
}

static void empty_input(void **state)
{
    (void)state;
    struct reader r = reader_of((struct span){ 0 });

    assert_false(failed(reader_end(&r, "nothing")));
    (void)reader_take(&r, 0);
    assert_false(r.failed);
    (void)reader_u8(&r);
    assert_true(r.failed);
}

static void writer_mirrors_reader(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = buf_of(64);

    write_u8(&b, 1);
    write_u16le(&b, 0x0203);
    write_u32le(&b, 0x04050607);
    write_u32le(&b, 0x0c0d0e0f);
    write_u32le(&b, 0x08090a0b);
    write_u16be(&b, 0x0203);
    write_u32be(&b, 0x04050607);
    write_u64be(&b, 0x08090a0b0c0d0e0f);
    write_part(&b, SPAN("abc"));
    struct reader r = reader_of(buf_span(&b));
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16le(&r), 0x0203);
    assert_int_equal(reader_u32le(&r), 0x04050607);
    assert_true(reader_u64le(&r) == 0x08090a0b0c0d0e0f);
    assert_int_equal(reader_u16be(&r), 0x0203);
    assert_int_equal(reader_u32be(&r), 0x04050607);
    assert_true(reader_u64be(&r) == 0x08090a0b0c0d0e0f);
    assert_true(span_equal_str(reader_take(&r, reader_u32be(&r)), "abc"));
    assert_false(failed(reader_end(&r, "mirror")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_in_both_orders),
        cmocka_unit_test(failure_sticks),
        cmocka_unit_test(trailing_bytes_fail_at_the_end_only),
        cmocka_unit_test(length_near_the_top_does_not_wrap),
        cmocka_unit_test(nested_readers),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(require_marks_failure),
        cmocka_unit_test(runs_of_accepted_bytes),
        cmocka_unit_test(empty_input),
        cmocka_unit_test(writer_mirrors_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
