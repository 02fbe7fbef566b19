// SPDX-License-Identifier: Apache-2.0
#include "attestd/attest_routes.h"

#include "attestd/appraise.h"
#include "attestd/envelope.h"
#include "attestd/verify_routes.h"
#include "base/log.h"
#include "http/problem.h"
#include "policy/default_policy.h"
#include "token/attestation.h"

static fallible add_policy(struct policy_store *s, struct span tenant, struct span id, bool if_met,
                           json_t *list)
{
    owned(json_free) json_t *row = NULL;
    struct err e = policy_store_get(s, tenant, id, &row);
    if (e.kind == FAIL_ABSENT && if_met) /* nobody can meet it */
        return OK;
    TRY(e);
    json_t *one = json_object();
    json_object_set(one, "id", json_object_get(row, "id"));
    json_object_set(one, "name", json_object_get(row, "name"));
    json_object_set(one, "version", json_object_get(row, "version"));
    json_object_set(one, "policy", json_object_get(row, "policy"));
    if (if_met)
        json_set_bool(one, "if_met", true);
    return json_array_append_new(list, one) == 0 ? OK : FAIL(SYSTEM, "memory for policies");
}

static fallible add_policies(struct policy_store *s, struct span tenant, const json_t *ids,
                             bool if_met, json_t *list)
{
    if (!ids)
        return OK;
    if (!json_is_array(ids) || !json_array_size(ids) ||
        json_array_size(ids) > POLICIES_PER_REQUEST_MAX)
        return FAIL(INPUT, "policy_ids must list 1 to 16 policies");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_string(id))
            return FAIL(INPUT, "policy_ids must list names or ids");
        TRY(add_policy(s, tenant, span_from(json_string_value(id), json_string_length(id)), if_met,
                       list));
    }
    return OK;
}

/* The documents that are to be applied; without "policy_ids" and "policy_ids_if_met" it is the
 * default one, an empty list is refused. */
static fallible gather_policies(struct policy_store *s, struct span tenant, const json_t *body,
                                json_t **out)
{
    owned(json_free) json_t *list = json_array();
    const json_t *ids = json_object_get(body, "policy_ids"),
                 *if_met = json_object_get(body, "policy_ids_if_met");
    if (!ids && !if_met)
        TRY(add_policy(s, tenant, SPAN(DEFAULT_POLICY_NAME), false, list));
    TRY(add_policies(s, tenant, ids, false, list));
    TRY(add_policies(s, tenant, if_met, true, list));
    if (!json_array_size(list))
        return FAIL(ABSENT, "none of these policies is known");
    *out = TAKE(list);
    return OK;
}

static void answer_refusal(struct http_exchange *x, struct span jws)
{
    owned(json_free) json_t *words = NULL;
    struct err e = recent_words(jws, &words);
    const json_t *warder = json_object_get(words, "warder"),
                 *failed_ones = json_object_get(warder, "failed");
    const char *reason = json_string_value(json_object_get(warder, "reason"));
    if (failed(e) || !reason || !json_is_array(failed_ones)) {
        http_answer_problem(x, 503, "verification_failed", "the refusal cannot be read");
        return;
    }
    bool by_policy = json_object_get(json_array_get(failed_ones, 0), "policy") != NULL;
    const char *check = json_string_value(json_object_get(json_array_get(failed_ones, 0), "check"));
    bool denied = check && !strcmp(check, "deny_list");
    const char *code = denied      ? "platform_denied"
                       : by_policy ? "policy_refused"
                                   : "evidence_refused";
    json_t *p = problem_json(403, code, reason, http_request_id(x));
    json_set_str(p, "reason", reason);
    json_object_set(p, "checks", (json_t *)failed_ones);
    json_set_span(p, "refusal", jws);
    log_info("evidence refused", "request", http_request_id(x), "code", code, "reason", reason);
    http_answer_problem_json(x, 403, p);
}

static void answer_token(struct http_exchange *x, struct span jws)
{
    json_t *j = json_object();
    json_set_span(j, "token", jws);
    log_info("token issued", "request", http_request_id(x));
    http_answer_json(x, 200, j);
}

static fallible read_request(const struct as_service *s, const json_t *body,
                             struct envelope *envelope, char **policies)
{
    owned(json_free) json_t *documents = NULL;
    TRY(envelope_attest(body, envelope));
    TRY(gather_policies(s->policies, envelope->request.tenant, body, &documents));
    *policies = json_text(documents);
    if (!*policies)
        return FAIL(SYSTEM, "memory for policies");
    envelope->request.policies = span_str(*policies);
    return OK;
}

/* For those who try other policies later. */
static void note_decision(const struct as_service *s, const struct work_request *q, struct span jws,
                          bool refusal)
{
    recent_keep(s->recent, jws, refusal);
    evidence_record_keep(s->evidence, jws, refusal, q);
}

static void attest(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    owned(json_free) json_t *body = NULL;
    char *policies owned(free) = NULL, *denied owned(free) = NULL;
    struct envelope envelope owned(envelope_done) = { 0 };
    struct answer a owned(answer_done) = { .body = buf_of(0) };
    const char *code;
    if (!http_json_body(x, &body))
        return;
    struct err e = read_request(s, body, &envelope, &policies);
    if (failed(e)) {
        http_answer_failure(x, e, e.kind == FAIL_ABSENT ? "policy_not_found" : "malformed_request");
        return;
    }
    if (!nonce_admits(x, s, &envelope))
        return;
    e = deny_gather(s, &envelope, &denied);
    if (failed(e)) {
        answer_denials_unknown(x, e);
        return;
    }
    e = verifier_link_ask(s->link, &envelope.request, &a, &code);
    if (answer_failed_ask(x, e, &a, code))
        return;
    if (a.type == ANSWER_TOKEN && envelope.nonce.len && !nonce_used(x, s, envelope.nonce))
        return;
    if (a.type == ANSWER_TOKEN || a.type == ANSWER_REFUSAL)
        note_decision(s, &envelope.request, buf_span(&a.body), a.type == ANSWER_REFUSAL);
    if (a.type == ANSWER_TOKEN)
        answer_token(x, buf_span(&a.body));
    else if (a.type == ANSWER_REFUSAL)
        answer_refusal(x, buf_span(&a.body));
    else
        http_answer_problem(x, 503, "verification_failed",
                            "the worker's answer is of another kind");
}

static void health(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    answer_health(x, "as", s->link, true);
}

const struct http_route as_routes[] = {
    { "POST", "/as/v1/attest", ROUTE_OPEN, attest },
    { "POST", "/as/v1/nonce", ROUTE_OPEN, nonce_create },
    { "GET", "/as/v1/certs", ROUTE_OPEN, certs_show },
    { "POST", "/as/v1/certs/rotate", ROUTE_BEARER, certs_rotate,
      .needs = "AS:signing_keys:rotate" },
    { "POST", "/as/v1/policies", ROUTE_BEARER, policies_create, .needs = "AS:policies:create" },
    { "GET", "/as/v1/policies", ROUTE_BEARER, policies_list, .needs = "AS:policies:search" },
    { "GET", "/as/v1/policies/{id}", ROUTE_BEARER, policies_show, .needs = "AS:policies:retrieve" },
    { "PUT", "/as/v1/policies/{id}", ROUTE_BEARER, policies_update, .needs = "AS:policies:update" },
    { "DELETE", "/as/v1/policies/{id}", ROUTE_BEARER, policies_delete,
      .needs = "AS:policies:delete" },
    { "POST", "/as/v1/deny-list", ROUTE_BEARER, deny_add, .needs = "AS:deny_list:create" },
    { "GET", "/as/v1/deny-list", ROUTE_BEARER, deny_list, .needs = "AS:deny_list:search" },
    { "DELETE", "/as/v1/deny-list/{id}", ROUTE_BEARER, deny_remove,
      .needs = "AS:deny_list:delete" },
    { "GET", "/as/v1/policies/{id}/versions", ROUTE_BEARER, policies_versions,
      .needs = "AS:policies:retrieve" },
    { "POST", "/as/v1/policies/{id}/rollback", ROUTE_BEARER, policies_rollback,
      .needs = "AS:policies:update" },
    { "POST", "/as/v1/policies/{id}/import", ROUTE_BEARER, policies_import,
      .needs = "AS:policies:update" },
    { "GET", "/as/v1/policies/{id}/explain", ROUTE_BEARER, policies_explain,
      .needs = "AS:policies:retrieve" },
    { "POST", "/as/v1/policies/{id}/test", ROUTE_BEARER, policies_test,
      .needs = "AS:policies:retrieve" },
    { "POST", "/as/v1/policy-lint", ROUTE_BEARER, policies_lint, .needs = "AS:policies:retrieve" },
    { "POST", "/as/v1/policy-diff", ROUTE_BEARER, policies_diff, .needs = "AS:policies:retrieve" },
    { "GET", "/as/v1/decisions", ROUTE_BEARER, decisions_list, .needs = "AS:decisions:search" },
    { "GET", "/as/v1/decisions/{id}", ROUTE_BEARER, decisions_show,
      .needs = "AS:decisions:retrieve" },
    { "POST", "/as/v1/decisions/{id}/verify", ROUTE_BEARER, decisions_verify,
      .needs = "AS:decisions:retrieve" },
    { "GET", "/health", ROUTE_OPEN, health },
    { 0 },
};
