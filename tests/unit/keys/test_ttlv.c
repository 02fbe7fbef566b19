// SPDX-License-Identifier: Apache-2.0
#include "keys/ttlv.h"

#include "base/hex.h"
#include "unit.h"

/* Each type with its length rule: KMIP 1.4 section 9.1.1. */
static const struct {
    const char *name, *hex;
    bool good;
} items[] = {
    { "integer", "42002a02000000040000008000000000", true },
    { "integer of 8", "42002a02000000080000008000000000", false },
    { "padding is not zero", "42002a02000000040000008000000001", false },
    { "no padding", "42002a020000000400000080", false },
    { "long", "42002a0300000008000000000000000a", true },
    { "long of 4", "42002a03000000040000000a00000000", false },
    { "big integer", "42002a0400000008000000000000000a", true },
    { "empty big integer", "42002a0400000000", false },
    { "big integer of 9", "42002a0400000009000000000000000a0000000000000000", false },
    { "enumeration", "42002a05000000040000000a00000000", true },
    { "boolean", "42002a06000000080000000000000001", true },
    { "text", "42002a070000000361626300000000000000", false },
    { "text padded", "42002a07000000036162630000000000", true },
    { "empty text", "42002a0700000000", true },
    { "bytes of 8", "42002a08000000086162636465666768", true },
    { "date", "42002a090000000800000000499999ff", true },
    { "interval", "42002a0a0000000400000e1000000000", true },
    { "extended date", "42002a0b0000000800000000499999ff", true },
    { "type 0", "42002a0000000000", false },
    { "type 12", "42002a0c00000000", false },
    { "structure", "42002a0100000008420029010000000000", false },
    { "structure of one", "42002a01000000084200290100000000", true },
    { "structure of 7", "42002a010000000742002901000000", false },
    { "longer than there is", "42002a08ffffffff6162636465666768", false },
    { "nothing", "", false },
};

static void one_item(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        struct buf bytes owned(buf_done) = buf_of(64);

        assert_ok(hex_parse(span_str(items[i].hex), &bytes));
        struct reader r = reader_of(buf_span(&bytes));
        struct ttlv item = ttlv_next(&r);
        bool good = !failed(reader_end(&r, "item"));
        if (good != items[i].good || (good && item.tag != 0x42002a) || (r.failed && item.tag))
            fail_msg("%s", items[i].name);
    }
}

#define A 0x42002a
#define B 0x42002b

static void fields_are_picked(void **state)
{
    static const struct {
        const char *name, *hex;
        enum fail_kind kind;
    } rows[] = {
        { "a", "42002a02000000040000000700000000", FAIL_NONE },
        { "a and b", "42002a0200000004000000070000000042002b0700000001 6200000000000000", FAIL_NONE },
        { "others are passed over", "4200ff070000000162000000000000004200 2a02000000040000000700000000", FAIL_NONE },
        { "a twice", "42002a0200000004000000070000000042002a02000000040000000700000000", FAIL_INPUT },
        { "a of another type", "42002a05000000040000000700000000", FAIL_INPUT },
        { "no a", "42002b07000000016200000000000000", FAIL_INPUT },
        { "nothing", "", FAIL_INPUT },
        { "another is broken", "42002a020000000400000007000000004200ff0200000005", FAIL_INPUT },
        { "one byte more", "42002a0200000004000000070000000000", FAIL_INPUT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf bytes owned(buf_done) = buf_of(128), text owned(buf_done) = buf_of(256);
        struct span a = { 0 }, b = { 0 };
        const struct ttlv_field fields[] = { { A, TTLV_INTEGER, true, &a },
                                             { B, TTLV_TEXT, false, &b } };

        for (const char *c = rows[i].hex; *c; c++)
            if (*c != ' ')
                buf_add_u8(&text, (uint8_t)*c);
        assert_ok(hex_parse(buf_span(&text), &bytes));
        struct err e = ttlv_pick(buf_span(&bytes), fields, 2);
        if (e.kind != rows[i].kind)
            fail_msg("%s: %s", rows[i].name, fail_kind_name(e.kind));
        if (failed(e))
            assert_true(!a.at && !b.at); /* out parameters change only on success */
        else
            assert_int_equal(ttlv_u32(a), 7);
    }
}

static void what_is_written_is_read(void **state)
{
    struct secret *room owned(secret_free) = secret_new(512);
    struct ttlv_writer w = ttlv_writer_of(room);
    struct span outer = { 0 }, inner = { 0 }, number = { 0 }, text = { 0 }, bytes = { 0 }, word = { 0 };
    const struct ttlv_field top[] = { { 0x420078, TTLV_STRUCTURE, true, &outer } };
    const struct ttlv_field middle[] = { { 0x420079, TTLV_STRUCTURE, true, &inner },
                                         { 0x420080, TTLV_ENUMERATION, true, &word } };
    const struct ttlv_field leaves[] = { { A, TTLV_INTEGER, true, &number },
                                         { B, TTLV_TEXT, true, &text },
                                         { 0x42002c, TTLV_BYTES, true, &bytes } };

    (void)state;
    size_t a = ttlv_begin(&w, 0x420078);
    size_t b = ttlv_begin(&w, 0x420079);
    ttlv_add_integer(&w, A, 0x01020304);
    ttlv_add_text(&w, B, SPAN("twelve bytes"));
    ttlv_add_bytes(&w, 0x42002c, SPAN(""));
    ttlv_end(&w, b);
    ttlv_add_enumeration(&w, 0x420080, 9);
    ttlv_end(&w, a);
    assert_false(w.failed);
    secret_shorten(room, w.len);
    assert_ok(ttlv_pick(secret_expose(room), top, 1));
    assert_ok(ttlv_pick(outer, middle, 2));
    assert_ok(ttlv_pick(inner, leaves, 3));
    assert_int_equal(ttlv_u32(number), 0x01020304);
    assert_int_equal(ttlv_u32(word), 9);
    assert_true(span_equal_str(text, "twelve bytes"));
    assert_int_equal(bytes.len, 0);
}

/* At each room that is too small the writer fails, and writes nothing past it. */
static void room_that_is_too_small(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 40; size++) {
        struct secret *room owned(secret_free) = secret_new(size);
        struct ttlv_writer w = ttlv_writer_of(room);
        size_t mark = ttlv_begin(&w, A);

        ttlv_add_text(&w, B, SPAN("twelve bytes"));
        ttlv_end(&w, mark);
        assert_int_equal(w.failed, size < 32);
        assert_true(w.len <= size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_item),
        cmocka_unit_test(fields_are_picked),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(room_that_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
