// SPDX-License-Identifier: Apache-2.0
/* Policies looked at and tried out; nothing is stored and no token comes of it. */
#include "attestd/bearer_gate.h"
#include "attestd/envelope.h"
#include "attestd/policy_request.h"
#include "attestd/verify_routes.h"
#include "base/clock.h"

void policies_lint(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "policy", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL, *j = json_object();
    json_t *remarks = NULL;
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    const json_t *document = json_object_get(body, "policy");
    if (failed(json_only(body, members)) || !document) {
        http_answer_problem(x, 400, "malformed_request", "\"policy\" must be there");
        return;
    }
    if (failed(policy_check(document, NULL, &remarks))) {
        http_answer_problem(x, 500, "internal_error", NULL);
        return;
    }
    json_set_bool(j, "good", policy_check_good(remarks));
    json_object_set_new(j, "remarks", remarks);
    http_answer_json(x, 200, TAKE(j));
}

void policies_explain(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *row = NULL, *j = json_object();
    owned(policy_free) struct policy *p = NULL;
    json_t *words = NULL;
    if (!bearer_gate(x, s->aas_keys, &b) || !policy_row_asked(x, s, span_str(b.tenant), &row) ||
        !policy_document_good(x, json_object_get(row, "policy"), &p))
        return;
    struct err e = policy_words(p, &words);
    if (failed(e)) {
        http_answer_failure(x, e, "internal_error");
        return;
    }
    json_object_set(j, "name", json_object_get(row, "name"));
    json_object_set(j, "version", json_object_get(row, "version"));
    json_object_set_new(j, "words", words);
    http_answer_json(x, 200, TAKE(j));
}

void policies_diff(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "before", "after", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL, *before = NULL, *after = NULL;
    owned(policy_free) struct policy *p = NULL, *q = NULL;
    json_t *changes = NULL;
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members))) {
        http_answer_problem(x, 400, "malformed_request",
                            "\"before\" and \"after\" are all there is");
        return;
    }
    struct span tenant = span_str(b.tenant);
    if (!policy_meant(x, s, tenant, json_object_get(body, "before"), &before) ||
        !policy_meant(x, s, tenant, json_object_get(body, "after"), &after) ||
        !policy_document_good(x, before, &p) || !policy_document_good(x, after, &q))
        return;
    struct err e = policy_diff(p, q, &changes);
    if (failed(e))
        http_answer_problem(x, e.kind == FAIL_LIMIT ? 400 : 500,
                            e.kind == FAIL_LIMIT ? "policy_too_large" : "internal_error", e.what);
    else
        http_answer_json(x, 200, changes);
}

/* Of evidence: the worker's whole result, in which "claims" are. */
static bool claims_of_evidence(struct http_exchange *x, const struct as_service *s,
                               const json_t *evidence, json_t **result)
{
    owned(json_free) json_t *body = json_object();
    struct envelope envelope owned(envelope_done) = { 0 };
    struct answer a owned(answer_done) = { .body = buf_of(0) };
    const char *code;
    json_object_set(body, "evidence", (json_t *)evidence);
    struct err e = envelope_verify(body, &envelope);
    if (failed(e)) {
        http_answer_failure(x, e, "malformed_request");
        return false;
    }
    e = verifier_link_ask(s->link, &envelope.request, &a, &code);
    if (answer_failed_ask(x, e, &a, code))
        return false;
    if (a.type == ANSWER_RESULT && !failed(json_parse_object(buf_span(&a.body), result)))
        return true;
    http_answer_problem(x, 503, "verification_failed", "the worker's answer is of another kind");
    return false;
}

/* What the policy is tried on: {"claims", "verdict"?, ...}. */
static bool subject_of(struct http_exchange *x, const struct as_service *s, struct span tenant,
                       const json_t *body, json_t **subject)
{
    const json_t *evidence = json_object_get(body, "evidence"),
                 *claims = json_object_get(body, "claims");
    struct span decision = { 0 }, verify = { 0 };
    struct err e = json_opt_str(body, "decision", "decision", &decision);
    if (!failed(e))
        e = json_opt_str(body, "verify", "verify", &verify);
    bool then = span_equal_str(verify, "then");
    if (verify.len && (!decision.len || (!then && !span_equal_str(verify, "now")))) {
        http_answer_problem(x, 400, "malformed_request",
                            "\"verify\" is then or now, of a \"decision\"");
        return false;
    }
    if (failed(e) || !!evidence + !!claims + (decision.len > 0) != 1 ||
        (claims && !json_is_object(claims))) {
        http_answer_problem(
            x, 400, "malformed_request",
            "exactly one of \"evidence\", \"decision\" and \"claims\" must be there");
        return false;
    }
    if (evidence)
        return claims_of_evidence(x, s, evidence, subject);
    if (claims) {
        *subject = json_pack("{s:O}", "claims", claims);
        return true;
    }
    if (verify.len)
        return decision_verify_anew(x, s, tenant, decision, then, subject);
    e = recent_find(s->recent, tenant, decision, subject);
    if (failed(e))
        http_answer_failure(x, e, "decision_not_found");
    return !failed(e);
}

static fallible try_out(const json_t *document, const json_t *subject, json_t **out, char **message)
{
    owned(policy_free) struct policy *p = NULL;
    int64_t at = clock_now();
    struct span when = { 0 };
    TRY(json_opt_str(subject, "at", "at", &when));
    if (when.len)
        TRY(clock_parse_rfc3339(when, &at));
    TRY(policy_from_json(document, &p, message));
    return policy_trial(p, json_object_get(subject, "claims"), at, out);
}

void policies_test(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "evidence", "decision", "claims", "verify", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL, *document = NULL, *subject = NULL, *name = NULL;
    char *message owned(free) = NULL;
    json_t *trial = NULL;
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members))) {
        http_answer_problem(x, 400, "malformed_request", "unknown member");
        return;
    }
    struct span id = http_param(x, "id"), tenant = span_str(b.tenant);
    name = json_stringn((const char *)id.at, id.len);
    if (!policy_meant(x, s, tenant, name, &document) || !subject_of(x, s, tenant, body, &subject))
        return;
    struct err e = try_out(document, subject, &trial, &message);
    if (failed(e)) {
        http_answer_problem(x, e.kind == FAIL_INPUT ? 400 : 500, "policy_invalid", message);
        return;
    }
    json_t *verdict = json_object_get(subject, "verdict"),
           *reason = json_object_get(subject, "reason"), *at = json_object_get(subject, "at");
    if (at)
        json_object_set(trial, "at", at);
    if (verdict)
        json_object_set(trial, "verdict", verdict);
    if (reason)
        json_object_set(trial, "reason", reason);
    http_answer_json(x, 200, trial);
}
