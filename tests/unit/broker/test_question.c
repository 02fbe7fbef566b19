// SPDX-License-Identifier: Apache-2.0
#include "broker/question.h"

#include "unit.h"

static void codes_have_words(void **state)
{
    (void)state;
    for (enum code c = CODE_OK; c < CODE_COUNT; c++) {
        assert_non_null(code_word(c));
        for (enum code other = CODE_OK; other < c; other++)
            assert_string_not_equal(code_word(c), code_word(other));
        assert_int_equal(code_kind(c) == FAIL_NONE, c == CODE_OK || c == CODE_APPRAISE || c == CODE_PENDING_APPROVAL);
    }
}

static void question_round_trip(void **state)
{
    struct buf text owned(buf_done) = buf_of(4096);
    struct broker_request q = { SPAN("r"), SPAN("bearer"), SPAN("acme"), SPAN("id"), SPAN("/path"), SPAN("{}"), SPAN("proof"), SPAN("cert"),
                                SPAN("token"), SPAN("refusal"), SPAN("{\"a\":1}"), SPAN("192.0.2.1"), 5 }, got;
    (void)state;
    operation_write_question(&q, &text);
    assert_ok(operation_read_question(buf_span(&text), &got));
    assert_true(span_equal(q.request_id, got.request_id) && span_equal(q.bearer, got.bearer) && span_equal(q.id, got.id) &&
                span_equal(q.path, got.path) && span_equal(q.body, got.body) && span_equal(q.proof, got.proof) &&
                span_equal(q.certificate, got.certificate) && span_equal(q.attestation, got.attestation) &&
                span_equal(q.refusal, got.refusal) && span_equal(q.options, got.options) && span_equal(q.source, got.source) && span_equal(q.tenant, got.tenant));
    for (size_t len = 0; len < text.len; len++)
        assert_fails(operation_read_question(span_head(buf_span(&text), len), &got), FAIL_INPUT);
    buf_add_u8(&text, 0);
    assert_fails(operation_read_question(buf_span(&text), &got), FAIL_INPUT);
}

/* What fits into the head of a request reaches keyd, which has the word for it. */
static void long_fields_are_read(void **state)
{
    static char field[32 << 10], options[192 << 10];
    struct buf text owned(buf_done) = buf_of(1 << 20);
    struct broker_request q = { .bearer = SPAN_OF(field), .proof = SPAN_OF(field), .options = SPAN_OF(options) }, got;
    (void)state;
    operation_write_question(&q, &text);
    assert_ok(operation_read_question(buf_span(&text), &got));
    assert_int_equal(got.bearer.len, sizeof field);
    assert_int_equal(got.options.len, sizeof options);
}

static void answer_round_trip(void **state)
{
    struct outcome good owned(outcome_done) = { 0 }, bad owned(outcome_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(4096), other owned(buf_done) = buf_of(4096);
    struct operation_answer a;
    (void)state;
    assert_ok(outcome_answer(&good, json_pack("{s:i}", "n", 1)));
    operation_write_answer(&good, &text);
    assert_ok(operation_read_answer(buf_span(&text), &a));
    assert_true(a.kind == FAIL_NONE && span_equal_str(a.body, "{\"n\":1}") && !a.unauthenticated);
    for (size_t len = 0; len < text.len; len++)
        assert_fails(operation_read_answer(span_head(buf_span(&text), len), &a), FAIL_INPUT);
    assert_ok(outcome_answer(&bad, json_pack("{s:s}", "answer", "a key")));
    assert_ok(outcome_refuse(&bad, CODE_PROOF_INVALID, "why"));
    assert_null(bad.body); /* L26: a refusal never carries an answer */
    operation_write_answer(&bad, &other);
    assert_ok(operation_read_answer(buf_span(&other), &a));
    assert_true(a.kind == FAIL_DENIED && a.unauthenticated && span_equal_str(a.code, "proof_invalid") && !a.body.len);
}

/* A refusal's list of what is wrong goes where an answer would be, and an answer never with it. */
static void errors_of_a_refusal(void **state) /* L26 */
{
    struct outcome bad owned(outcome_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(4096), other owned(buf_done) = buf_of(4096);
    struct operation_answer a;
    (void)state;
    assert_ok(outcome_answer(&bad, json_pack("{s:s}", "answer", "a key")));
    assert_ok(outcome_refuse(&bad, CODE_MALFORMED_REQUEST, "why"));
    bad.errors = json_pack("[{s:s,s:s}]", "pointer", "#/label", "detail", "a text");
    operation_write_answer(&bad, &text);
    assert_ok(operation_read_answer(buf_span(&text), &a));
    assert_true(a.kind == FAIL_INPUT && span_equal_str(a.body, "[{\"pointer\":\"#/label\",\"detail\":\"a text\"}]"));
    bad.code = CODE_OK;
    operation_write_answer(&bad, &other);
    assert_ok(operation_read_answer(buf_span(&other), &a));
    assert_true(a.kind == FAIL_NONE && !a.body.len);
}

static void failures_become_refusals(void **state) /* L38 */
{
    struct outcome o owned(outcome_done) = { 0 };
    (void)state;
    assert_ok(outcome_answer(&o, json_pack("{s:s}", "answer", "a key")));
    outcome_of_failure(&o, FAIL(SYSTEM, "the disk at /var/secret is full"));
    assert_true(o.code == CODE_INTERNAL_ERROR && !o.body && !strstr(o.detail, "secret"));
    outcome_of_failure(&o, FAIL(UPSTREAM, "sealed"));
    assert_true(o.code == CODE_KEY_MANAGER_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_words),
        cmocka_unit_test(question_round_trip),
        cmocka_unit_test(long_fields_are_read),
        cmocka_unit_test(answer_round_trip),
        cmocka_unit_test(errors_of_a_refusal),
        cmocka_unit_test(failures_become_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
