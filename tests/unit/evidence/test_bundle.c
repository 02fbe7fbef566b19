// SPDX-License-Identifier: Apache-2.0
#include "vector_file.h"

#include "evidence/bundle.h"
#include "evidence/quote.h"

#define SGX "application/vnd.warder.sgx-quote"
#define TDX "application/vnd.warder.tdx-quote"

static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t pieces; /* 0: refused */
    } rows[] = {
        { "[\"" SGX "\",\"AwAC\"]", 1 },
        { " \n[\"" TDX "\",\"AwAC\"]", 1 },
        { "[\"" TDX "\",\"AwAC\",4]", 1 },
        { "{\"a\":[\"" TDX "\",\"AwAC\"]}", 1 },
        { "{\"__cmwc_t\":\"tag:x\",\"a\":[\"" TDX "\",\"AwAC\"],\"b\":[\"" SGX "\",\"AwAC\"]}", 2 },
        { "[\"" TDX "\",\"AwAC\",1]", 0 },       /* says that it is a reference value */
        { "[\"" TDX "\",\"AwAC\",\"4\"]", 0 },
        { "[\"" TDX "\",\"AwAC\",4,5]", 0 },
        { "[\"" TDX "\"]", 0 },
        { "[\"" TDX "\",\"AwAC=\"]", 0 },        /* padding */
        { "[\"" TDX "\",\"AwA+\"]", 0 },         /* the other alphabet */
        { "[\"" TDX "\",{}]", 0 },
        { "[\"application/vnd.warder.no-quote\",\"AwAC\"]", 0 },
        { "[\"Application/vnd.warder.sgx-quote\",\"AwAC\"]", 0 },
        { "{\"a\":{\"b\":[\"" TDX "\",\"AwAC\"]}}", 0 },
        { "{\"__cmwc_t\":\"tag:x\"}", 0 },
        { "{\"__cmwc_t\":1,\"a\":[\"" TDX "\",\"AwAC\"]}", 0 },
        { "{\"a\":[\"" TDX "\",\"AwAC\"],\"a\":[\"" TDX "\",\"AwAC\"]}", 0 },
        { "{}", 0 },
        { "[]", 0 },
        { "\"text\"", 0 },
        { "", 0 },
        { "   ", 0 },
        { "[\"" SGX "\",\"AwAC\"] x", 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct bundle b owned(bundle_done) = { 0 };
        struct err e = bundle_parse(span_str(rows[i].text), &b);
        if (failed(e) != !rows[i].pieces)
            fail_msg("%s: %s", rows[i].text, failed(e) ? e.what : "accepted");
        assert_int_equal(b.count, rows[i].pieces);
        for (size_t j = 0; j < b.count; j++)
            assert_true(span_equal(b.pieces[j].bytes, SPAN("\x03\x00\x02")));
    }
}

static void at_most_four_pieces(void **state)
{
    (void)state;
    for (size_t count = 1; count <= BUNDLE_PIECES_MAX + 1; count++) {
        struct buf text owned(buf_done) = buf_of(EVIDENCE_MAX);
        struct bundle b owned(bundle_done) = { 0 };
        for (size_t i = 0; i < count; i++)
            buf_addf(&text, "%s\"p%zu\":[\"" TDX "\",\"AwAC\"]", i ? "," : "{", i);
        buf_add_str(&text, "}");
        assert_int_equal(!failed(bundle_parse(buf_span(&text), &b)), count <= BUNDLE_PIECES_MAX);
    }
}

static void a_bare_quote_is_a_bundle_of_one(void **state)
{
    (void)state;
    struct buf quote owned(buf_done) = vector_file("tdx4-plat-b0c06f000000-0c699d-ev20-eb07", "quote.bin");
    struct buf record owned(buf_done) = buf_of(EVIDENCE_MAX);
    struct bundle bare owned(bundle_done) = { 0 }, wrapped owned(bundle_done) = { 0 };

    assert_ok(bundle_parse(buf_span(&quote), &bare));
    assert_int_equal(bare.count, 1);
    assert_int_equal(bare.pieces[0].kind, PIECE_ANY_QUOTE);
    assert_ok(bundle_write_record(PIECE_TDX_QUOTE, buf_span(&quote), &record));
    assert_ok(bundle_parse(buf_span(&record), &wrapped));
    assert_true(span_equal(wrapped.pieces[0].bytes, buf_span(&quote)));
    for (size_t len = 1; len < record.len; len += 97) {
        struct bundle b owned(bundle_done) = { 0 };
        assert_true(failed(bundle_parse(span_head(buf_span(&record), len), &b)));
    }
}

static void a_quote_above_its_maximum_is_refused(void **state)
{
    (void)state;
    struct buf quote owned(buf_done) = buf_of(QUOTE_MAX + 1), record owned(buf_done) = buf_of(2 * EVIDENCE_MAX);
    struct bundle b owned(bundle_done) = { 0 };

    assert_non_null(buf_extend(&quote, QUOTE_MAX + 1));
    assert_ok(bundle_write_record(PIECE_SGX_QUOTE, buf_span(&quote), &record));
    assert_true(failed(bundle_parse(buf_span(&record), &b)));
    assert_non_null(buf_extend(&record, EVIDENCE_MAX));
    assert_fails(bundle_parse(buf_span(&record), &b), FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(at_most_four_pieces),
        cmocka_unit_test(a_bare_quote_is_a_bundle_of_one),
        cmocka_unit_test(a_quote_above_its_maximum_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
