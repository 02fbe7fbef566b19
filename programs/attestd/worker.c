// SPDX-License-Identifier: Apache-2.0
#include "attestd/worker.h"

#include "attestd/denial.h"
#include "attestd/channel.h"
#include "attestd/guest_runtime.h"
#include "attestd/request.h"
#include "attestd/runtime_data.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/ipc.h"
#include "crypto/key.h"
#include "evidence/guest_evidence.h"
#include "token/attestation.h"

#define SGX_QUOTE_TYPE "application/vnd.warder.sgx-quote"
#define TDX_QUOTE_TYPE "application/vnd.warder.tdx-quote"
#define SNP_REPORT_TYPE "application/vnd.warder.snp-report"
#define SEND_MS 1000
#define RECEIVE_MS 2000

struct work {
    const struct worker *worker;
    int answer;
    int64_t now;
    bool past;             /* evidence that was kept is judged as of its day */
    struct buf evidence;   /* as verify_evidence takes it */
    struct span pck_chain; /* brought for a quote that has none */
    struct collateral_key needs;
    bool named; /* the evidence names its platform: `needs` says what collateral is for it */
    const struct collateral_set *collateral;
    struct collateral_set *own; /* brought with the request: of the past */
    struct verify_result *result;
};

static void work_done(struct work *w)
{
    buf_done(&w->evidence);
    verify_result_free(w->result);
    collateral_set_free(w->own);
}
static void work_donep(struct work *w)
{
    work_done(w);
}

static void write_record(const struct work_request *q, struct buf *out)
{
    owned(json_free) json_t *record = json_array();
    json_array_append_new(record, json_stringn((const char *)q->media_type.at, q->media_type.len));
    json_array_append_new(record, json_stringn((const char *)q->evidence.at, q->evidence.len));
    struct err e = json_canonical(record, out);
    out->failed |= failed(e);
}

static void name_platform(struct work *w)
{
    struct span evidence = buf_span(&w->evidence);
    w->named =
        !failed(evidence_needs(evidence, &w->needs)) ||
        (w->pck_chain.len && !failed(evidence_needs_with(evidence, w->pck_chain, &w->needs)));
}

static bool type_agrees(const struct collateral_key *k, struct span media_type)
{
    return (!strcmp(k->tee, "sgx") && span_equal_str(media_type, SGX_QUOTE_TYPE)) ||
           (!strcmp(k->tee, "tdx") && span_equal_str(media_type, TDX_QUOTE_TYPE)) ||
           (!strcmp(k->tee, "snp") && span_equal_str(media_type, SNP_REPORT_TYPE));
}

/* What is kept and hashed as evidence is what it is judged by. */
static fallible read_guest(struct work *w, const struct work_request *q)
{
    struct buf text owned(buf_done) = buf_of(GUEST_EVIDENCE_MAX);

    struct err e = base64url_parse(q->evidence, &text);
    if (!failed(e))
        e = guest_evidence_read(buf_span(&text), &w->evidence);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e)) { /* which the verifier refuses, in a signed statement */
        buf_clear(&w->evidence);
        buf_add(&w->evidence, SPAN("unreadable"));
    }
    name_platform(w);
    return OK;
}

/* A record whose media type agrees with its quote is judged by the quote alone, without JSON around
 * it; any other goes to the verifier as it is, which says what is wrong. */
static fallible read_record(struct work *w, const struct work_request *q)
{
    if (span_equal_str(q->media_type, GUEST_EVIDENCE_TYPE))
        return read_guest(w, q);
    if (!failed(base64url_parse(q->evidence, &w->evidence)))
        name_platform(w);
    if (w->named && type_agrees(&w->needs, q->media_type))
        return buf_check(&w->evidence);
    buf_clear(&w->evidence);
    write_record(q, &w->evidence);
    TRY(buf_check(&w->evidence));
    name_platform(w);
    return OK;
}

static fallible read_evidence(struct work *w, const struct work_request *q)
{
    w->pck_chain = q->pck_chain;
    switch (q->form) {
    case EVIDENCE_RECORD:
        return read_record(w, q);
    case EVIDENCE_BASE64:
        TRY(base64_parse(q->evidence, &w->evidence));
        break;
    case EVIDENCE_CMW:
        buf_add(&w->evidence, q->evidence);
        TRY(buf_check(&w->evidence));
        break;
    }
    name_platform(w);
    return OK;
}

/* True when collateral must be brought first. Evidence that names no platform needs none: it is
 * refused. */
static bool needs_collateral(struct work *w, bool final)
{
    if (!w->named || w->past)
        return false;
    w->collateral = warm_find(w->worker->warm, &w->needs);
    return !final && (!w->collateral || collateral_set_expires(w->collateral) < w->now);
}

static fallible answer_need(const struct work *w)
{
    struct buf body owned(buf_done) = buf_of(512);
    collateral_need_write(&w->needs, w->collateral != NULL, &body);
    TRY(buf_check(&body));
    return ipc_send(w->answer, ANSWER_NEED, 0, buf_span(&body), SEND_MS);
}

/* True when a PCK certificate must be brought first: only that names the platform. */
static bool needs_pck(const struct work *w, bool final, struct pck_query *query)
{
    return !w->named && !final && !w->pck_chain.len &&
           !failed(evidence_pck_query(buf_span(&w->evidence), query));
}

static fallible answer_need_pck(const struct work *w, const struct pck_query *query)
{
    struct buf body owned(buf_done) = buf_of(1024);
    pck_need_write(query, &body);
    TRY(buf_check(&body));
    return ipc_send(w->answer, ANSWER_NEED_PCK, 0, buf_span(&body), SEND_MS);
}

/* *asked: something must be brought first, and the front has been told what. */
static fallible ask_front(struct work *w, bool final, bool *asked)
{
    struct pck_query query;
    *asked = true;
    if (needs_pck(w, final, &query))
        return answer_need_pck(w, &query);
    if (needs_collateral(w, final))
        return answer_need(w);
    *asked = false;
    return OK;
}

/* A platform seen for the first time: the zygote may check its certificates once for all who come
 * later. */
static fallible tell_platform(const struct work *w)
{
    struct buf platform owned(buf_done) = buf_of(PLATFORM_TEXT_MAX);
    struct span chain = verify_result_pck_chain(w->result);
    bool known;
    struct span enclave = verify_result_enclave(w->result, &known);
    if (w->past || !chain.len || !verify_result_verified(w->result) || known)
        return OK;
    platform_write(chain, enclave, &platform);
    TRY(buf_check(&platform));
    if (warm_knows_platform(w->worker->warm, buf_span(&platform)))
        return OK;
    return ipc_send(w->answer, ANSWER_PLATFORM, 0, buf_span(&platform), SEND_MS);
}

static fallible verify(struct work *w, struct span report_data)
{
    TRY(verify_evidence_supplied(w->worker->verifier, buf_span(&w->evidence), w->pck_chain,
                                 w->collateral, w->now, report_data, &w->result));
    return tell_platform(w);
}

/* As it was when the evidence was judged: with the collateral of that day and no other. */
static fallible go_back(struct work *w, const struct work_request *q)
{
    struct collateral_key key;
    struct collateral_raw raw;
    w->past = q->at != 0;
    if (!w->past)
        return OK;
    w->now = q->at;
    if (!q->collateral.len)
        return OK;
    TRY(collateral_parse(q->collateral, &key, &raw));
    TRY(collateral_set_load_undigested(w->worker->verifier, &raw, &w->own));
    w->collateral = w->own;
    return OK;
}

static fallible serve_verify(struct work *w, const struct work_request *q)
{
    owned(json_free) json_t *runtime = NULL;
    struct runtime_data rd = { 0 };
    if (q->runtime_data.len)
        TRY(json_parse_object(q->runtime_data, &runtime));
    if (runtime)
        TRY(runtime_data_parse(runtime, q->tenant, &rd));
    if (q->report_data.len) {
        TRY(hex_parse_exact(q->report_data, rd.report_data, sizeof(rd.report_data)));
        rd.expected = true;
    }
    struct span report_data = rd.expected ? SPAN_OF(rd.report_data) : (struct span){ 0 };
    TRY(go_back(w, q));
    TRY(read_evidence(w, q));
    bool asked;
    TRY(ask_front(w, q->final, &asked));
    if (asked)
        return OK;
    TRY(verify(w, report_data));
    owned(json_free) json_t *j = NULL;
    TRY(verify_result_json(w->result, &j));
    TRY(denial_apply_result(q->denied, j));
    char *text owned(free) = json_text(j);
    if (!text)
        return FAIL(SYSTEM, "memory for a result");
    return ipc_send(w->answer, ANSWER_RESULT, 0, span_str(text), SEND_MS);
}

static json_t *failed_checks(const struct verify_result *r)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (checks[i].outcome != CHECK_FAILED)
            continue;
        json_t *j = json_object();
        json_set_str(j, "check", checks[i].name);
        json_set_str(j, "clause", checks[i].clause);
        json_set_str(j, "detail", checks[i].detail);
        json_array_append_new(list, j);
    }
    return list;
}

/* "sha256:..." of the collateral set's own digest; empty without one. */
static struct span collateral_digest(const struct collateral_set *c, char out[DIGEST_TEXT_SIZE])
{
    if (!c)
        return (struct span){ 0 };
    struct span d = collateral_set_digest(c);
    char hex[2 * SHA256_SIZE + 1];
    if (d.len != SHA256_SIZE)
        return (struct span){ 0 };
    snprintf(out, DIGEST_TEXT_SIZE, "sha256:%s", hex_str(d, hex));
    return span_str(out);
}

static bool is_measurement(const json_t *condition)
{
    static const char *const claims[] = { "mrtd",        "mrenclave", "mrsigner",
                                          "measurement", "rtmr2",     "rtmr3" };
    const char *claim = json_string_value(json_object_get(condition, "claim"));
    if (!json_object_get(condition, "equals") && !json_object_get(condition, "in"))
        return false;
    for (size_t i = 0; claim && i < sizeof(claims) / sizeof(claims[0]); i++)
        if (!strcmp(claim, claims[i]))
            return true;
    return false;
}

/* Does a policy, once met, say what runs? Each of its alternatives must. */
static bool names_measurement(const json_t *j, unsigned depth)
{
    const json_t *any = json_object_get(j, "anyOf"), *all = json_object_get(j, "allOf");
    size_t named = 0;
    if (depth == JSON_DEPTH_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(any); i++)
        named += names_measurement(json_array_get(any, i), depth + 1);
    if (json_array_size(any) && named == json_array_size(any))
        return true;
    for (size_t i = 0; i < json_array_size(all); i++)
        if (names_measurement(json_array_get(all, i), depth + 1))
            return true;
    return is_measurement(j);
}

static bool any_names_measurement(const json_t *documents)
{
    for (size_t i = 0; i < json_array_size(documents); i++)
        if (names_measurement(json_object_get(json_array_get(documents, i), "policy"), 0))
            return true;
    return false;
}

static fallible decide(struct work *w, const struct runtime_data *rd, const struct work_request *q,
                       json_t **decision)
{
    struct appraisal appraisal owned(appraisal_done) = { 0 };
    owned(json_free) json_t *documents = NULL, *wrong = NULL;
    char evidence[DIGEST_TEXT_SIZE], collateral[DIGEST_TEXT_SIZE];
    json_t *claims = (json_t *)(uintptr_t)verify_result_claims(w->result);
    bool verified = verify_result_verified(w->result), denied;
    const char *differs = NULL; /* init-data from what the TEE holds of it */
    TRY(json_parse(q->policies, &documents));
    if (verified)
        TRY(guest_init_data_check(rd, claims, &differs));
    TRY(appraise(documents, claims, w->now, &appraisal));
    if (differs)
        TRY(appraisal_fail(&appraisal, "init_data", GUEST_INIT_DATA_CLAUSE, differs));
    TRY(denial_apply(q->denied, claims, &appraisal, &denied));
    TRY(digest_text(buf_span(&w->evidence), evidence));
    wrong = verified ? json_incref(appraisal.failed) : failed_checks(w->result);
    struct attestation_facts facts = {
        .tenant = q->tenant,
        .audience = q->audience,
        .signing_jkt = span_str(rd->signing_jkt),
        .signing_key = rd->signing_key,
        .encryption_jkt = span_str(rd->encryption_jkt),
        .encryption_key = rd->encryption_key,
        .guest_protocol = rd->guest_protocol,
        .challenge = span_str(rd->challenge),
        .nonce = rd->nonce,
        .evidence_digest = span_str(evidence),
        .collateral_digest = collateral_digest(w->collateral, collateral),
        .claims = verify_result_claims(w->result),
        .policies = appraisal.policies,
        .verified = verified && appraisal.met,
        .genuine = verified,
        .measured = any_names_measurement(documents),
        .reason = verified && denied ? "the platform is on the deny list"
                  : differs          ? differs
                  : verified         ? "the evidence is genuine but an appraisal policy is not met"
                                     : verify_result_reason(w->result),
        .failed = wrong,
    };
    return attestation_decision(&facts, decision);
}

static fallible serve_attest(struct work *w, const struct work_request *q)
{
    owned(json_free) json_t *runtime = NULL;
    struct runtime_data rd;
    if (q->runtime_data.len)
        TRY(json_parse_object(q->runtime_data, &runtime));
    TRY(runtime_data_parse(runtime, q->tenant, &rd));
    TRY(read_evidence(w, q));
    bool asked;
    TRY(ask_front(w, q->final, &asked));
    if (asked)
        return OK;
    TRY(verify(w, rd.expected ? SPAN_OF(rd.report_data) : (struct span){ 0 }));
    if (rd.has_other && !verify_result_verified(w->result)) {
        verify_result_free(TAKE(w->result));
        TRY(verify(w, SPAN_OF(rd.other_report_data)));
    }
    owned(json_free) json_t *decision = NULL;
    TRY(decide(w, &rd, q, &decision));
    char *text owned(free) = json_text(decision);
    if (!text)
        return FAIL(SYSTEM, "memory for a decision");
    return channel_send(w->worker->decisions, CHANNEL_DECISION, span_str(text), w->answer);
}

static fallible serve(const struct worker *worker, int answer)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct work_request q;
    struct work w owned(work_done) = {
        .worker = worker, .answer = answer, .now = clock_now(), .evidence = buf_of(REQUEST_BODY_MAX)
    };
    TRY(ipc_receive(answer, &m, RECEIVE_MS));
    if (m.type != ANSWER_REQUEST)
        return FAIL(INPUT, "not a request");
    TRY(work_request_parse(buf_span(&m.body), &q));
    switch (q.kind) {
    case WORK_VERIFY:
        return serve_verify(&w, &q);
    case WORK_ATTEST:
        return serve_attest(&w, &q);
    case WORK_PROBE_VERIFIER:
        return ipc_send(answer, ANSWER_RESULT, 0, SPAN("{}"), SEND_MS);
    case WORK_PROBE_ISSUER:
        return channel_send(worker->decisions, CHANNEL_PROBE, (struct span){ 0 }, answer);
    }
    return FAIL(INPUT, "unknown kind of request");
}

void worker_serve(const struct worker *w, int answer)
{
    struct err e = serve(w, answer);
    if (!failed(e))
        return;
    struct buf body owned(buf_done) = buf_of(1024);
    answer_failure_write(e,
                         e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT ? "malformed_request"
                                                                      : "verification_failed",
                         &body);
    if (failed(ipc_send(answer, ANSWER_FAILURE, 0, buf_span(&body), SEND_MS)))
        return; /* nobody is there to be told */
}
