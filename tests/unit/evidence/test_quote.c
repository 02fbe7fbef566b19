// SPDX-License-Identifier: Apache-2.0
#include "vector_file.h"

#include "base/hex.h"
#include "base/writer.h"
#include "evidence/quote.h"

static const struct row {
    const char *set;
    uint16_t version;
    enum quote_tee tee;
    enum quote_body_type type;
    size_t signed_len;
    const char *measurement; /* its first bytes */
    bool debug;
} rows[] = {
    { "sgx3-plat-00606a000000-77bcbd-ev15-2759", 3, QUOTE_SGX, QUOTE_BODY_SGX, 432, "", true },
    { "tdx4-plat-50806f000000-12b401-ev15-1a97", 4, QUOTE_TDX, QUOTE_BODY_TD_10, 632, "", true },
    { "tdx4-plat-b0c06f000000-0c699d-ev20-eb07", 4, QUOTE_TDX, QUOTE_BODY_TD_10, 632, "", false },
    { "tdx5td15-plat-00806f050000-67adfc-ev17-1987", 5, QUOTE_TDX, QUOTE_BODY_TD_15, 702, "", false },
    { "tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07", 5, QUOTE_TDX, QUOTE_BODY_TD_15EX, 939, "2a674327c50218db", false },
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static void genuine_quotes_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct buf bytes owned(buf_done) = vector_file(rows[i].set, "quote.bin");
        struct quote q;
        struct sgx_report enclave;
        struct td_report td;
        uint8_t measurement[8];

        assert_ok(quote_parse(buf_span(&bytes), &q));
        assert_int_equal(q.version, rows[i].version);
        assert_int_equal(q.tee, rows[i].tee);
        assert_int_equal(q.body_type, rows[i].type);
        assert_int_equal(q.signed_bytes.len, rows[i].signed_len);
        assert_ptr_equal(q.signed_bytes.at, bytes.at);
        assert_int_equal(q.certification_type, QUOTE_CERT_PCK_CHAIN);
        assert_int_equal(q.qe_auth_data.len, 32);
        if (q.tee == QUOTE_SGX) {
            assert_ok(sgx_report_parse(q.body, &enclave));
            assert_int_equal(sgx_report_debug(&enclave), rows[i].debug);
            continue;
        }
        assert_ok(td_report_parse(q.body, &td));
        assert_int_equal(td_report_attributes(&td) & TD_BITS_UNTRUSTED, rows[i].debug);
        assert_int_equal(td.mrservicetd.len != 0, rows[i].type >= QUOTE_BODY_TD_15);
        assert_int_equal(td.td_id.len != 0, rows[i].type == QUOTE_BODY_TD_15EX);
        if (*rows[i].measurement) {
            assert_ok(hex_parse_exact(span_str(rows[i].measurement), measurement, sizeof(measurement)));
            assert_memory_equal(td.mrtd.at, measurement, sizeof(measurement));
        }
    }
}

static void every_prefix_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct buf bytes owned(buf_done) = vector_file(rows[i].set, "quote.bin");
        struct quote q;

        assert_ok(quote_parse(buf_span(&bytes), &q));
        size_t whole = bytes.len - q.trailing;
        for (size_t len = 0; len < whole; len++)
            assert_fails(quote_parse(span_head(buf_span(&bytes), len), &q), FAIL_INPUT);
        assert_ok(quote_parse(span_head(buf_span(&bytes), whole), &q));
        assert_int_equal(q.trailing, 0);
    }
}

static void padding_is_counted_and_limited(void **state)
{
    (void)state;
    struct buf bytes owned(buf_done) = vector_file(rows[0].set, "quote.bin");
    struct buf large owned(buf_done) = buf_of(QUOTE_MAX + 1);
    struct quote q;

    assert_ok(quote_parse(buf_span(&bytes), &q));
    size_t before = q.trailing;
    buf_add(&large, buf_span(&bytes));
    assert_non_null(buf_extend(&large, QUOTE_MAX - bytes.len));
    assert_ok(quote_parse(buf_span(&large), &q));
    assert_int_equal(q.trailing, before + QUOTE_MAX - bytes.len);
    buf_add_u8(&large, 0);
    assert_fails(quote_parse(buf_span(&large), &q), FAIL_INPUT);
}

static void report_bodies_have_their_sizes(void **state)
{
    (void)state;
    static const uint8_t zeros[1024];
    struct sgx_report enclave;
    struct td_report td;

    for (size_t len = 0; len < sizeof(zeros); len++) {
        bool td_size = len == TD_REPORT_10_SIZE || len == TD_REPORT_15_SIZE || len == TD_REPORT_15EX_SIZE;
        assert_int_equal(!failed(sgx_report_parse(span_from(zeros, len), &enclave)), len == SGX_REPORT_SIZE);
        assert_int_equal(!failed(td_report_parse(span_from(zeros, len), &td)), td_size);
    }
}

/* The fields lie where the published layouts say: each byte of a counted pattern tells its offset. */
static void fields_lie_at_their_offsets(void **state)
{
    (void)state;
    uint8_t bytes[TD_REPORT_15EX_SIZE];
    struct sgx_report e;
    struct td_report t;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i % 251);
    assert_ok(sgx_report_parse(span_from(bytes, SGX_REPORT_SIZE), &e));
    const struct {
        struct span field;
        size_t at, len;
    } sgx[] = { { e.cpusvn, 0, 16 },     { e.miscselect, 16, 4 }, { e.isvextprodid, 32, 16 }, { e.attributes, 48, 16 },
                { e.mrenclave, 64, 32 }, { e.mrsigner, 128, 32 }, { e.configid, 192, 64 },    { e.isvfamilyid, 304, 16 },
                { e.report_data, 320, 64 } };
    for (size_t i = 0; i < sizeof(sgx) / sizeof(*sgx); i++) {
        assert_ptr_equal(sgx[i].field.at, bytes + sgx[i].at);
        assert_int_equal(sgx[i].field.len, sgx[i].len);
    }
    assert_int_equal(e.isvprodid, bytes[256] | bytes[257] << 8);
    assert_int_equal(e.isvsvn, bytes[258] | bytes[259] << 8);
    assert_int_equal(e.configsvn, bytes[260] | bytes[261] << 8);
    assert_ok(td_report_parse(SPAN_OF(bytes), &t));
    const struct {
        struct span field;
        size_t at, len;
    } td[] = { { t.tee_tcb_svn, 0, 16 },     { t.mrseam, 16, 48 },       { t.mrsignerseam, 64, 48 },
               { t.seam_attributes, 112, 8 }, { t.td_attributes, 120, 8 }, { t.xfam, 128, 8 },
               { t.mrtd, 136, 48 },          { t.mrconfigid, 184, 48 },  { t.mrowner, 232, 48 },
               { t.mrownerconfig, 280, 48 }, { t.rtmr[0], 328, 48 },     { t.rtmr[3], 472, 48 },
               { t.report_data, 520, 64 },   { t.tee_tcb_svn_2, 584, 16 }, { t.mrservicetd, 600, 48 },
               { t.td_id, 649, 32 },         { t.devinfo, 681, 48 },     { t.service_td_initial, 729, 48 },
               { t.service_td_current, 829, 48 } };
    for (size_t i = 0; i < sizeof(td) / sizeof(*td); i++) {
        assert_ptr_equal(td[i].field.at, bytes + td[i].at);
        assert_int_equal(td[i].field.len, td[i].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_quotes_parse),
        cmocka_unit_test(every_prefix_fails),
        cmocka_unit_test(padding_is_counted_and_limited),
        cmocka_unit_test(report_bodies_have_their_sizes),
        cmocka_unit_test(fields_lie_at_their_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
