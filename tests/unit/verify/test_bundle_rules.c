// SPDX-License-Identifier: Apache-2.0
/* Bundles of several pieces: all must verify and be bound to one another; a TD's event log must lead to its registers. */
#include "forge_case.h"
#include "tpm_case.h"

#include "base/base64.h"
#include "base/file.h"
#include "evidence/bundle.h"
#include "policy/claim.h"
#include "policy/policy.h"
#include "verify/event_replay.h"

#define AT_RTMR 328
#define AT_REPORT_DATA 520

struct parts {
    struct forge_set set;
    struct tpm_case tpm;
    struct buf log;
    struct collateral_set *collateral;
};

static void parts_init(struct parts *p)
{
    *p = (struct parts){ 0 };
    forge_set_init(&p->set);
    tpm_case_init(&p->tpm, KEY_P256);
    p->log = buf_of(EVENT_LOG_MAX);
}

static void parts_done(struct parts *p)
{
    forge_set_done(&p->set);
    tpm_case_done(&p->tpm);
    buf_done(&p->log);
    collateral_set_free(p->collateral);
}
static inline void parts_donep(struct parts *p)
{
    parts_done(p);
}

static void log_read(struct parts *p)
{
    char path[VECTOR_PATH_MAX];

    snprintf(path, sizeof(path), "%s/tpm/ccel/gotdx-ccel_data.bin", vector_root());
    assert_ok(file_read(path, &p->log));
}

/* A TD whose registers the log explains and whose report data is the TPM's. */
static void parts_make(struct parts *p, enum forge_tee tee, uint8_t flip_report_data, uint8_t flip_rtmr)
{
    struct forge_knobs k;
    struct event_log log;
    struct replay replay;

    forge_good(tee, &k);
    if (tee == FORGE_TDX4) {
        log_read(p);
        assert_ok(event_log_parse(buf_span(&p->log), &log));
        assert_ok(replay_cc_log(&log, &replay));
        memcpy(k.quote.body + AT_REPORT_DATA, tpm_case_report_data, 64);
        k.quote.body[AT_REPORT_DATA + 63] ^= flip_report_data;
        for (size_t i = 0; i < 4; i++)
            memcpy(k.quote.body + AT_RTMR + 48 * i, replay.registers[i + 1], 48);
        k.quote.body[AT_RTMR] ^= flip_rtmr;
    }
    assert_ok(forge_make(&k, &p->set));
    struct collateral_raw raw = forge_set_raw(&p->set);
    assert_ok(collateral_set_load(world.verifier, &raw, &p->collateral));
    tpm_case_make(&p->tpm);
    struct buf enrolled owned(buf_done) = buf_of(4096);
    char name[2 * 66 + 1];
    tpm_case_name(&p->tpm, name);
    buf_addf(&enrolled, "{\"version\":1,\"keys\":[{\"name\":\"%s\",\"by\":\"operator\"}]}", name);
    assert_ok(verifier_trust_tpms(world.verifier, NULL, 0, buf_span(&enrolled)));
}

/* `what`: a letter for each member: q the quote, s the same as an enclave's, t the TPM, l the
 * log. */
static void bundle_make(const struct parts *p, const char *what, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; what[i]; i++) {
        bool enclave = what[i] == 's', quote = what[i] == 'q' || enclave, tpm = what[i] == 't';
        enum piece_kind kind = enclave ? PIECE_SGX_QUOTE : quote ? PIECE_TDX_QUOTE : tpm ? PIECE_TPM_QUOTE : PIECE_CC_LOG;
        struct span bytes = buf_span(quote ? &p->set.quote : tpm ? &p->tpm.evidence : &p->log);
        buf_addf(out, "%s\"m%zu\":", i ? "," : "{", i);
        assert_ok(bundle_write_record(kind, bytes, out));
    }
    buf_add_str(out, "}");
    assert_ok(buf_check(out));
}

static struct verify_result *bundle_verify(const struct parts *p, const char *what, struct span report_data)
{
    struct buf text owned(buf_done) = buf_of(EVIDENCE_MAX);
    struct verify_result *r = NULL;

    bundle_make(p, what, &text);
    assert_ok(verify_evidence(world.verifier, buf_span(&text), p->collateral, CASE_NOW, report_data, &r));
    return r;
}

static bool policy_holds(const char *text, const json_t *claims)
{
    struct policy *policy owned(policy_free) = NULL;
    struct policy_result result owned(policy_result_done) = { 0 };
    char *message owned(free) = NULL;

    if (failed(policy_parse(span_str(text), &policy, &message)))
        return false;
    assert_ok(policy_evaluate(policy, claims, CASE_NOW, &result));
    return result.met;
}

static void claim_names_are_known(const struct verify_result *r)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)verify_result_claims(r), name, value)
        if (!claim_find(span_str(name)))
            fail_msg("claim %s is not in the table", name);
}

static void a_td_and_a_tpm(void **state)
{
    (void)state;
    struct parts p owned(parts_done);

    parts_init(&p);
    parts_make(&p, FORGE_TDX4, 0, 0);
    struct verify_result *r owned(verify_result_free) = bundle_verify(&p, "qt", SPAN_OF(tpm_case_report_data));
    assert_string_equal(verify_result_reason(r), "");
    assert_true(verify_result_verified(r));
    assert_string_equal(verify_result_type(r), "bundle");
    const json_t *claims = verify_result_claims(r);
    assert_string_equal(json_string_value(json_object_get(claims, "tee")), "bundle");
    assert_string_equal(json_string_value(json_object_get(claims, "tcb_status")), "UpToDate");
    assert_string_equal(json_string_value(json_object_get(claims, "tdx.tee")), "tdx");
    assert_string_equal(json_string_value(json_object_get(claims, "tpm.ak_trust")), "enrolled");
    assert_non_null(json_object_get(claims, "tdx.mrtd"));
    assert_null(json_object_get(claims, "mrtd"));
    assert_string_equal(verify_result_status(r), "UpToDate");
    claim_names_are_known(r);
    assert_true(policy_holds("{\"version\":\"1.0.0\",\"anyOf\":[{\"allOf\":[{\"claim\":\"tdx.seamsvn\",\"min\":0},"
                             "{\"claim\":\"tpm.tpm_reset_count\",\"equals\":7},{\"claim\":\"debug\",\"equals\":false}]}]}", claims));
    assert_false(policy_holds("{\"version\":\"1.0.0\",\"anyOf\":[{\"allOf\":[{\"claim\":\"tpm.tpm_reset_count\",\"equals\":8}]}]}", claims));
    assert_false(policy_holds("{\"version\":\"1.0.0\",\"anyOf\":[{\"allOf\":[{\"claim\":\"tpm_reset_count\",\"equals\":7}]}]}", claims));
    assert_false(policy_holds("{\"version\":\"1.0.0\",\"anyOf\":[{\"allOf\":[{\"claim\":\"sgx.mrtd\",\"exists\":true}]}]}", claims));
    /* Bound to one another though the caller expects nothing particular. */
    struct verify_result *free_ owned(verify_result_free) = bundle_verify(&p, "tq", (struct span){ 0 });
    assert_true(verify_result_verified(free_));
    assert_int_equal(vector_outcome(free_, "bundle_binding"), CHECK_PASSED);
}

static void pieces_bound_to_different_report_data(void **state)
{
    (void)state;
    struct parts p owned(parts_done);

    parts_init(&p);
    parts_make(&p, FORGE_TDX4, 1, 0);
    struct verify_result *r owned(verify_result_free) = bundle_verify(&p, "qt", (struct span){ 0 });
    assert_false(verify_result_verified(r));
    assert_int_equal(vector_outcome(r, "bundle_binding"), CHECK_FAILED);
    struct verify_result *expected owned(verify_result_free) = bundle_verify(&p, "qt", SPAN_OF(tpm_case_report_data));
    assert_false(verify_result_verified(expected));
}

static void one_piece_that_is_bad(void **state)
{
    (void)state;
    struct parts p owned(parts_done);

    parts_init(&p);
    parts_make(&p, FORGE_TDX4, 0, 0);
    p.tpm.values.at[0] ^= 1;
    tpm_case_make(&p.tpm);
    p.tpm.evidence.at[p.tpm.evidence.len - 1] ^= 1;
    struct verify_result *tpm owned(verify_result_free) = bundle_verify(&p, "qt", (struct span){ 0 });
    assert_false(verify_result_verified(tpm));
    assert_int_equal(vector_outcome(tpm, "tpm_pcr_values"), CHECK_FAILED);
    assert_int_equal(vector_outcome(tpm, "quote_signature"), CHECK_PASSED);

    tpm_case_make(&p.tpm);
    p.set.quote.at[200] ^= 1;
    struct verify_result *quote owned(verify_result_free) = bundle_verify(&p, "tq", (struct span){ 0 });
    assert_false(verify_result_verified(quote));
    assert_int_equal(vector_outcome(quote, "quote_signature"), CHECK_FAILED);
    assert_int_equal(vector_outcome(quote, "tpm_signature"), CHECK_PASSED);
}

static void bundles_that_are_no_bundles(void **state)
{
    (void)state;
    static const char *const rows[] = { "qq", "tt", "qtt", "lq" "l", "qtlqt", "qs", "sqt" };
    struct parts p owned(parts_done);

    parts_init(&p);
    parts_make(&p, FORGE_TDX4, 0, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct verify_result *r owned(verify_result_free) = bundle_verify(&p, rows[i], (struct span){ 0 });
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, "evidence_format"), CHECK_FAILED);
        assert_int_equal(json_object_size(verify_result_claims(r)) > 1, 0);
    }
    /* A collection in a collection. */
    struct buf inner owned(buf_done) = buf_of(EVIDENCE_MAX), outer owned(buf_done) = buf_of(EVIDENCE_MAX);
    struct verify_result *r owned(verify_result_free) = NULL;
    bundle_make(&p, "qt", &inner);
    buf_addf(&outer, "{\"a\":%s}", buf_str(&inner));
    assert_ok(verify_evidence(world.verifier, buf_span(&outer), p.collateral, CASE_NOW, (struct span){ 0 }, &r));
    assert_int_equal(vector_outcome(r, "evidence_format"), CHECK_FAILED);
}

static void a_log_explains_the_registers_of_its_td(void **state)
{
    (void)state;
    struct parts p owned(parts_done);

    parts_init(&p);
    parts_make(&p, FORGE_TDX4, 0, 0);
    struct verify_result *r owned(verify_result_free) = bundle_verify(&p, "lq", (struct span){ 0 });
    assert_string_equal(verify_result_reason(r), "");
    assert_string_equal(verify_result_type(r), "tdx");
    const json_t *claims = verify_result_claims(r);
    const json_t *events = json_object_get(claims, "events");
    assert_int_equal(json_array_size(events), 43);
    assert_string_equal(json_string_value(json_object_get(claims, "event_bank")), "sha384");
    assert_int_equal(json_array_size(json_object_get(claims, "boot_applications")), 2);
    assert_non_null(json_object_get(claims, "secure_boot"));
    assert_non_null(json_object_get(claims, "mrtd"));
    claim_names_are_known(r);
    struct verify_result *both owned(verify_result_free) = bundle_verify(&p, "tlq", (struct span){ 0 });
    assert_true(verify_result_verified(both));
    assert_non_null(json_object_get(verify_result_claims(both), "tdx.events"));
}

static void a_log_that_does_not_lead_there_is_refused(void **state)
{
    (void)state;
    struct parts p owned(parts_done), other owned(parts_done);

    parts_init(&p);
    parts_make(&p, FORGE_TDX4, 0, 1);
    struct verify_result *r owned(verify_result_free) = bundle_verify(&p, "ql", (struct span){ 0 });
    assert_false(verify_result_verified(r));
    assert_int_equal(vector_outcome(r, "cc_log_replay"), CHECK_FAILED);
    assert_null(json_object_get(verify_result_claims(r), "events"));

    parts_init(&other);
    parts_make(&other, FORGE_TDX4, 0, 0);
    struct event_log log;
    assert_ok(event_log_parse(buf_span(&other.log), &log));
    other.log.len -= 1 + (other.log.len - (size_t)(log.records.at - other.log.at) - log.records.len); /* into the last record */
    struct verify_result *cut owned(verify_result_free) = bundle_verify(&other, "ql", (struct span){ 0 });
    assert_int_equal(vector_outcome(cut, "cc_log_format"), CHECK_FAILED);
    assert_false(verify_result_verified(cut));
    struct verify_result *alone owned(verify_result_free) = bundle_verify(&other, "l", (struct span){ 0 });
    assert_int_equal(vector_outcome(alone, "cc_log_quote"), CHECK_FAILED);
    assert_false(verify_result_verified(alone));
    struct verify_result *tpm owned(verify_result_free) = bundle_verify(&p, "tl", (struct span){ 0 });
    assert_int_equal(vector_outcome(tpm, "cc_log_quote"), CHECK_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_td_and_a_tpm),
        cmocka_unit_test(pieces_bound_to_different_report_data),
        cmocka_unit_test(one_piece_that_is_bad),
        cmocka_unit_test(bundles_that_are_no_bundles),
        cmocka_unit_test(a_log_explains_the_registers_of_its_td),
        cmocka_unit_test(a_log_that_does_not_lead_there_is_refused),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
