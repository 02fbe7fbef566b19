// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "teesim/der.h"

static void assert_hex(const struct buf *b, const char *expected)
{
    struct buf hex owned(buf_done) = buf_of(4096);

    assert_false(failed(buf_check(b)));
    hex_add(&hex, buf_span(b));
    assert_string_equal(buf_str(&hex), expected);
}

static void integers_are_minimal_and_positive(void **state)
{
    (void)state;
    static const struct {
        const char *in, *expected;
    } rows[] = { { "", "020100" },         { "00", "020100" },           { "0000", "020100" },     { "7f", "02017f" },
                 { "80", "02020080" },     { "0000ff", "020200ff" },     { "0100", "02020100" },
                 { "00b1c3", "020300b1c3" } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf in owned(buf_done) = buf_of(16), out owned(buf_done) = buf_of(64);
        assert_false(failed(hex_parse(span_str(rows[i].in), &in)));
        forge_der_integer(&out, buf_span(&in));
        assert_hex(&out, rows[i].expected);
    }
}

static void oids_dates_and_flags_have_their_known_form(void **state)
{
    (void)state;
    struct buf out owned(buf_done) = buf_of(256);

    forge_der_oid(&out, "1.2.840.113741.1.13.1");
    assert_hex(&out, "06092a864886f84d010d01");
    buf_clear(&out);
    forge_der_oid(&out, "2.5.29.19");
    assert_hex(&out, "0603551d13");
    buf_clear(&out);
    forge_der_time(&out, 1577836800);
    assert_hex(&out, "170d3230303130313030303030305a"); /* 200101000000Z */
    buf_clear(&out);
    forge_der_time(&out, 2524608000);
    assert_hex(&out, "180f32303530303130313030303030305a"); /* 20500101000000Z */
    buf_clear(&out);
    forge_der_boolean(&out, true);
    forge_der_number(&out, DER_ENUMERATED, 1);
    assert_hex(&out, "0101ff0a0101");
}

static void lengths_take_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *head;
    } rows[] = { { 0, "0400" },       { 127, "047f" },       { 128, "048180" },        { 255, "0481ff" },
                 { 256, "04820100" }, { 65535, "0482ffff" }, { 65536, "0483010000" } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf content owned(buf_done) = buf_of(70000), out owned(buf_done) = buf_of(70100);
        char head[16];
        assert_true(rows[i].len == 0 || buf_extend(&content, rows[i].len));
        forge_der_add(&out, DER_OCTETS, buf_span(&content));
        assert_int_equal(out.len, rows[i].len + strlen(rows[i].head) / 2);
        assert_string_equal(hex_str(span_head(buf_span(&out), strlen(rows[i].head) / 2), head), rows[i].head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_minimal_and_positive),
        cmocka_unit_test(oids_dates_and_flags_have_their_known_form),
        cmocka_unit_test(lengths_take_the_shortest_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
