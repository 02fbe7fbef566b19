// SPDX-License-Identifier: Apache-2.0
/* /as/v1/policies: for holders of a bearer token whose permissions (service AS) allow it, in the
 * token's tenant. */
#include "attestd/attest_routes.h"
#include "base/clock.h"
#include "base/log.h"
#include "policy/policy.h"

/* Answers and returns false when the caller may not. */
static bool allowed(struct http_exchange *x, const struct as_service *s, const char *needed,
                    struct bearer *b)
{
    enum bearer_verdict verdict;
    struct err e = pinned_keys_verify(s->aas_keys, http_bearer(x), clock_now(), &verdict, b);
    if (failed(e)) {
        http_answer_failure(x, e, "token_invalid");
        return false;
    }
    if (verdict != BEARER_GOOD) {
        http_answer_problem(x, 401, bearer_problem(verdict), "the bearer token is not accepted");
        return false;
    }
    if (!bearer_allows(b, "AS", needed, (struct span){ 0 })) {
        log_info("permission denied", "request", http_request_id(x), "user", b->subject, "needed",
                 needed);
        http_answer_problem(x, 403, "permission_denied",
                            "the token's permissions do not allow this");
        return false;
    }
    return true;
}

/* Parsed and linted: what is stored can be applied. Answers and returns false otherwise. */
static bool document_good(struct http_exchange *x, const json_t *document)
{
    owned(policy_free) struct policy *p = NULL;
    char *message owned(free) = NULL;
    struct policy_remarks remarks owned(policy_remarks_done) = { 0 };
    if (failed(policy_from_json(document, &p, &message))) {
        http_answer_problem(x, 400, "policy_invalid", message);
        return false;
    }
    if (failed(policy_lint(p, &remarks))) {
        http_answer_problem(x, 500, "internal_error", NULL);
        return false;
    }
    for (size_t i = 0; i < remarks.count; i++) {
        if (!remarks.at[i].error)
            continue;
        struct buf text owned(buf_done) = buf_of(1024);
        buf_addf(&text, "%s: %s", remarks.at[i].path, remarks.at[i].message);
        http_answer_problem(x, 400, "policy_invalid", buf_str(&text));
        return false;
    }
    return true;
}

static void answer_row(struct http_exchange *x, struct err e, int status, json_t *row)
{
    if (!failed(e))
        http_answer_json(x, status, row);
    else
        http_answer_failure(x, e,
                            e.kind == FAIL_ABSENT     ? "policy_not_found"
                            : e.kind == FAIL_CONFLICT ? "policy_exists"
                                                      : "policy_store_failed");
}

void policies_create(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "name", "policy", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL;
    json_t *row = NULL;
    const json_t *document = NULL;
    struct span name;
    if (!allowed(x, s, "policies:create", &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members)) || failed(json_get_str(body, "name", "name", &name)) ||
        failed(json_get_object(body, "policy", "policy", &document)) || !policy_name_valid(name)) {
        http_answer_problem(x, 400, "malformed_request",
                            "\"name\" (letters, digits, . _ -) and \"policy\" must be there");
        return;
    }
    if (!document_good(x, document))
        return;
    struct err e =
        policy_store_create(s->policies, span_str(b.tenant), name, document, clock_now(), &row);
    if (!failed(e))
        log_info("policy created", "request", http_request_id(x), "user", b.subject, "id",
                 json_string_value(json_object_get(row, "id")));
    answer_row(x, e, 201, row);
}

void policies_list(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *rows = NULL;
    if (!allowed(x, s, "policies:search", &b))
        return;
    struct err e = policy_store_list(s->policies, span_str(b.tenant), &rows);
    if (failed(e)) {
        answer_row(x, e, 0, NULL);
        return;
    }
    json_t *j = json_object();
    json_object_set_new(j, "policies", rows);
    http_answer_json(x, 200, j);
}

void policies_show(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *row = NULL;
    if (!allowed(x, s, "policies:retrieve", &b))
        return;
    struct err e = policy_store_get(s->policies, span_str(b.tenant), http_param(x, "id"), &row);
    answer_row(x, e, 200, row);
}

void policies_update(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "name", "policy", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL;
    json_t *row = NULL;
    const json_t *document = NULL;
    if (!allowed(x, s, "policies:update", &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members)) ||
        failed(json_get_object(body, "policy", "policy", &document))) {
        http_answer_problem(x, 400, "malformed_request", "\"policy\" must be there");
        return;
    }
    if (!document_good(x, document))
        return;
    struct err e = policy_store_update(s->policies, span_str(b.tenant), http_param(x, "id"),
                                       document, clock_now(), &row);
    if (!failed(e))
        log_info("policy updated", "request", http_request_id(x), "user", b.subject, "id",
                 json_string_value(json_object_get(row, "id")));
    answer_row(x, e, 200, row);
}

void policies_delete(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    if (!allowed(x, s, "policies:delete", &b))
        return;
    struct err e = policy_store_delete(s->policies, span_str(b.tenant), http_param(x, "id"));
    if (failed(e)) {
        answer_row(x, e, 0, NULL);
        return;
    }
    log_info("policy deleted", "request", http_request_id(x), "user", b.subject);
    http_answer_empty(x, 204);
}
