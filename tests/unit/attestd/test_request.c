// SPDX-License-Identifier: Apache-2.0
#include "attestd/request.h"
#include "base/writer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "attestd/envelope.h"

static void test_work_request(void **state)
{
    const struct work_request q = { .kind = WORK_ATTEST,
                                    .final = true,
                                    .form = EVIDENCE_RECORD,
                                    .media_type = SPAN("m"),
                                    .evidence = SPAN("evidence"),
                                    .report_data = SPAN(""),
                                    .runtime_data = SPAN("{}"),
                                    .tenant = SPAN("t"),
                                    .policies = SPAN("[]"),
                                    .pck_chain = SPAN("pem") };
    struct buf bytes owned(buf_done) = buf_of(1024);
    struct work_request r;
    work_request_write(&q, &bytes);
    assert_false(failed(work_request_parse(buf_span(&bytes), &r)));
    assert_int_equal(r.kind, WORK_ATTEST);
    assert_true(r.final);
    assert_true(span_equal(r.evidence, q.evidence));
    assert_true(span_equal(r.policies, q.policies));
    assert_true(span_equal(r.pck_chain, q.pck_chain));
    for (size_t len = 0; len < bytes.len; len++)
        assert_true(failed(work_request_parse(span_head(buf_span(&bytes), len), &r)));
    buf_add_u8(&bytes, 0);
    assert_true(failed(work_request_parse(buf_span(&bytes), &r)));
    struct work_request past = { .kind = WORK_VERIFY, .form = EVIDENCE_CMW, .at = 5, .collateral = SPAN("c") };
    struct buf then owned(buf_done) = buf_of(1024);
    work_request_write(&past, &then);
    assert_false(failed(work_request_parse(buf_span(&then), &r)));
    assert_int_equal(r.at, 5);
    assert_true(span_equal_str(r.collateral, "c"));
    then.at[0] = WORK_ATTEST; /* a token is of now */
    assert_true(failed(work_request_parse(buf_span(&then), &r)));
    for (size_t at = 0; at < 3; at++) {
        struct buf changed owned(buf_done) = buf_of(1024);
        work_request_write(&q, &changed);
        changed.at[at] = 9;
        assert_true(failed(work_request_parse(buf_span(&changed), &r)));
    }
    (void)state;
}

static void test_platform(void **state)
{
    struct buf bytes owned(buf_done) = buf_of(1024);
    struct span chain, enclave;
    platform_write(SPAN("pem"), SPAN("enclave"), &bytes);
    assert_false(failed(platform_parse(buf_span(&bytes), &chain, &enclave)));
    assert_true(span_equal_str(chain, "pem"));
    assert_true(span_equal_str(enclave, "enclave"));
    for (size_t len = 0; len < bytes.len; len++)
        assert_true(failed(platform_parse(span_head(buf_span(&bytes), len), &chain, &enclave)));
    buf_add_u8(&bytes, 0);
    assert_true(failed(platform_parse(buf_span(&bytes), &chain, &enclave)));
    (void)state;
}

static void test_collateral(void **state)
{
    const struct collateral_key k = { .tee = "snp",
                                      .fmspc = "00806f050000",
                                      .ca = "platform",
                                      .product = "Milan",
                                      .signer = "vcek",
                                      .chip = "c0c1",
                                      .tcb = "04000000000018db" };
    const struct collateral_raw raw = { .tcb_info = SPAN("info"), .root_ca_crl = SPAN("crl") };
    struct buf bytes owned(buf_done) = buf_of(1024);
    struct collateral_key key;
    struct collateral_raw read;
    collateral_write(&k, &raw, &bytes);
    assert_false(failed(collateral_parse(buf_span(&bytes), &key, &read)));
    assert_true(collateral_key_equal(&k, &key));
    assert_string_equal(key.chip, "c0c1");
    assert_string_equal(key.tcb, "04000000000018db");
    struct collateral_key other = k;
    other.tcb[0] = '1';
    assert_false(collateral_key_equal(&other, &key));
    assert_true(span_equal_str(read.tcb_info, "info"));
    assert_true(span_equal_str(read.root_ca_crl, "crl"));
    assert_int_equal(read.pck_crl.len, 0);
    for (size_t len = 0; len < bytes.len; len++)
        assert_true(failed(collateral_parse(span_head(buf_span(&bytes), len), &key, &read)));
    (void)state;
}

static void test_pck_need(void **state)
{
    struct pck_query q = { .qe_id = "00112233445566778899aabbccddeeff",
                           .cpu_svn = "22000000000000000000000000000000",
                           .pce_svn = "0b00",
                           .pce_id = "0000" };
    memset(q.encrypted_ppid, 'a', sizeof(q.encrypted_ppid) - 1);
    struct buf bytes owned(buf_done) = buf_of(1024), longer owned(buf_done) = buf_of(1024);
    struct pck_query read;
    pck_need_write(&q, &bytes);
    assert_false(failed(pck_need_parse(buf_span(&bytes), &read)));
    assert_memory_equal(&read, &q, sizeof(q));
    for (size_t len = 0; len < bytes.len; len++)
        assert_true(failed(pck_need_parse(span_head(buf_span(&bytes), len), &read)));
    buf_add_u8(&bytes, 0);
    assert_true(failed(pck_need_parse(buf_span(&bytes), &read)));
    write_u32be(&longer, sizeof(q.qe_id)); /* a text without room for its end */
    for (size_t i = 0; i < sizeof(q.qe_id); i++)
        buf_add_u8(&longer, '0');
    buf_add(&longer, span_tail(span_head(buf_span(&bytes), bytes.len - 1), 8));
    assert_true(failed(pck_need_parse(buf_span(&longer), &read)));
    (void)state;
}

/* What a worker says becomes part of an address: hexadecimal of the right length, nothing else. */
static void test_pck_need_of_a_worker_that_was_taken_over(void **state)
{
    static const char id[] = "00112233445566778899aabbccddeeff";
    static const struct pck_query rows[] = {
        { "00112233445566778899aabbccddee&x", "22000000000000000000000000000000", "0b00", "0000", "" },
        { "00112233445566778899AABBCCDDEEFF", "22000000000000000000000000000000", "0b00", "0000", "" },
        { "00112233445566778899aabbccddeeff", "2200000000000000000000000000000\n", "0b00", "0000", "" },
        { "00112233445566778899aabbccddeeff", "22000000000000000000000000000000", "0b#0", "0000", "" },
        { "00112233445566778899aabbccddeeff", "22", "0b00", "0000", "" },
        { "", "22000000000000000000000000000000", "0b00", "0000", "" },
        { "00112233445566778899aabbccddeeff", "22000000000000000000000000000000", "0b00", "0000", "5a" },
    };
    struct pck_query good = rows[0], read;
    memcpy(good.qe_id, id, sizeof(id));
    struct buf right owned(buf_done) = buf_of(1024);
    pck_need_write(&good, &right);
    assert_false(failed(pck_need_parse(buf_span(&right), &read)));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf bytes owned(buf_done) = buf_of(1024);
        pck_need_write(&rows[i], &bytes);
        assert_true(failed(pck_need_parse(buf_span(&bytes), &read)));
    }
    (void)state;
}

static void test_need(void **state)
{
    const struct collateral_key k = { .tee = "sgx", .fmspc = "00806f050000", .ca = "processor" };
    for (int flag = 0; flag < 2; flag++) {
        struct collateral_key key;
        struct buf good owned(buf_done) = buf_of(1024);
        bool stale;
        collateral_need_write(&k, flag, &good);
        assert_false(failed(collateral_need_parse(buf_span(&good), &key, &stale)));
        assert_true(collateral_key_equal(&k, &key));
        assert_int_equal(stale, flag);
        for (size_t len = 0; len < good.len; len++)
            assert_true(
                failed(collateral_need_parse(span_head(buf_span(&good), len), &key, &stale)));
    }
    struct collateral_key key;
    struct buf bad owned(buf_done) = buf_of(1024), longer owned(buf_done) = buf_of(1024);
    bool stale;
    collateral_need_write(&k, false, &bad);
    bad.at[bad.len - 1] = 2;
    assert_true(failed(collateral_need_parse(buf_span(&bad), &key, &stale)));
    bad.at[bad.len - 1] = 0;
    write_u32be(&longer, 4); /* a text without room for its end */
    buf_add_str(&longer, "sgxx");
    buf_add(&longer, span_tail(buf_span(&bad), 7));
    assert_true(failed(collateral_need_parse(buf_span(&longer), &key, &stale)));
    bad.at[5] = 0;
    assert_true(failed(collateral_need_parse(buf_span(&bad), &key, &stale)));
    (void)state;
}

static void test_failure(void **state)
{
    struct buf bytes owned(buf_done) = buf_of(1024);
    struct answer_failure f;
    answer_failure_write(FAIL(INPUT, "what"), "code", &bytes);
    assert_false(failed(answer_failure_parse(buf_span(&bytes), &f)));
    assert_int_equal(f.kind, FAIL_INPUT);
    assert_true(span_equal_str(f.code, "code"));
    assert_true(span_equal_str(f.text, "what"));
    for (size_t len = 0; len < bytes.len; len++)
        assert_true(failed(answer_failure_parse(span_head(buf_span(&bytes), len), &f)));
    bytes.at[0] = 0;
    assert_true(failed(answer_failure_parse(buf_span(&bytes), &f)));
    (void)state;
}

#define DIGITS_32 "00112233445566778899aabbccddeeff"
#define DIGITS DIGITS_32 DIGITS_32 DIGITS_32 DIGITS_32

static void test_envelope_forms(void **state)
{
    static const struct {
        const char *body;
        enum evidence_form form; /* 0: refused */
        const char *evidence;
    } rows[] = {
        { "{\"evidence\":[\"t\",\"abc\"]}", EVIDENCE_RECORD, "abc" },
        { "{\"evidence\":[\"t\",\"abc\",4]}", EVIDENCE_CMW, "[\"t\",\"abc\",4]" },
        { "{\"evidence\":{\"a\":[\"t\",\"abc\"]}}", EVIDENCE_CMW, "{\"a\":[\"t\",\"abc\"]}" },
        { "{\"quote\":\"AAAA\",\"report_data\":\"" DIGITS "\"}", EVIDENCE_BASE64, "AAAA" },
        { "{\"quote\":\"AAAA\",\"report_data\":\"00\"}", 0, NULL },
        { "{\"quote\":\"AAAA\",\"report_data\":\"\"}", 0, NULL },
        { "{\"quote\":\"\",\"evidence\":[\"t\",\"abc\"]}", 0, NULL },
        { "{\"quote\":\"\"}", 0, NULL },
        { "{\"quote\":\"AAAA\",\"evidence\":[\"t\",\"abc\"]}", 0, NULL },
        { "{\"quote\":\"AAAA\",\"unknown\":1}", 0, NULL },
        { "{\"evidence\":\"abc\"}", 0, NULL },
        { "{\"evidence\":5}", 0, NULL },
        { "{}", 0, NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *body = NULL;
        struct envelope e owned(envelope_done) = { 0 };
        assert_false(failed(json_parse_object(span_str(rows[i].body), &body)));
        bool refused = failed(envelope_verify(body, &e));
        assert_int_equal(refused, !rows[i].form);
        if (refused)
            continue;
        assert_int_equal(e.request.form, rows[i].form);
        assert_true(span_equal_str(e.request.evidence, rows[i].evidence));
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work_request),   cmocka_unit_test(test_platform),
        cmocka_unit_test(test_collateral),     cmocka_unit_test(test_pck_need),
        cmocka_unit_test(test_pck_need_of_a_worker_that_was_taken_over),
        cmocka_unit_test(test_need),           cmocka_unit_test(test_failure),
        cmocka_unit_test(test_envelope_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
