// SPDX-License-Identifier: Apache-2.0
/* /as/v1/policies: for holders of a bearer token whose permissions (service AS) allow it, in the
 * token's tenant. */
#include "attestd/bearer_gate.h"
#include "attestd/policy_request.h"
#include "base/clock.h"
#include "base/log.h"
#include "policy/default_policy.h"
#include "policy/reference.h"
#include "token/measurements.h"

static void log_change(struct http_exchange *x, const char *what, const struct bearer *b,
                       const json_t *row)
{
    log_info(what, "request", http_request_id(x), "user", b->subject, "id",
             json_string_value(json_object_get(row, "id")), "digest",
             json_string_value(json_object_get(row, "digest")));
}

static struct policy_change change_by(const struct bearer *b, const json_t *document)
{
    return (struct policy_change){ .document = document, .author = b->subject, .now = clock_now() };
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
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members)) || failed(json_get_str(body, "name", "name", &name)) ||
        failed(json_get_object(body, "policy", "policy", &document)) || !policy_name_valid(name)) {
        http_answer_problem(x, 400, "malformed_request",
                            "\"name\" (letters, digits, . _ -) and \"policy\" must be there");
        return;
    }
    if (!policy_document_good(x, document, NULL))
        return;
    const struct policy_change change = change_by(&b, document);
    struct err e = policy_store_create(s->policies, span_str(b.tenant), name, &change, &row);
    if (!failed(e))
        log_change(x, "policy created", &b, row);
    policy_answer_row(x, e, 201, row);
}

static void answer_list(struct http_exchange *x, struct err e, const char *name, json_t *rows)
{
    if (failed(e))
        policy_answer_row(x, e, 0, NULL);
    else
        http_answer_json(x, 200, json_pack("{s:o}", name, rows));
}

void policies_list(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *rows = NULL;
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = policy_store_list(s->policies, span_str(b.tenant), &rows);
    answer_list(x, e, "policies", rows);
}

void policies_show(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *row = NULL;
    if (bearer_gate(x, s->aas_keys, &b) && policy_row_asked(x, s, span_str(b.tenant), &row))
        http_answer_json(x, 200, row);
}

void policies_versions(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *rows = NULL;
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e =
        policy_store_versions(s->policies, span_str(b.tenant), http_param(x, "id"), &rows);
    answer_list(x, e, "versions", rows);
}

static void store_update(struct http_exchange *x, const struct as_service *s,
                         const struct bearer *b, const json_t *document)
{
    json_t *row = NULL;
    const struct policy_change change = change_by(b, document);
    struct err e =
        policy_store_update(s->policies, span_str(b->tenant), http_param(x, "id"), &change, &row);
    if (!failed(e))
        log_change(x, "policy updated", b, row);
    policy_answer_row(x, e, 200, row);
}

void policies_update(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "name", "policy", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL;
    const json_t *document = NULL;
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members)) ||
        failed(json_get_object(body, "policy", "policy", &document))) {
        http_answer_problem(x, 400, "malformed_request", "\"policy\" must be there");
        return;
    }
    if (policy_document_good(x, document, NULL))
        store_update(x, s, &b, document);
}

/* The content may have been written under other rules: it is checked as any other is. */
void policies_rollback(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "version", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL, *earlier = NULL;
    json_t *row = NULL;
    uint64_t version = 0;
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members)) ||
        failed(json_get_u64(body, "version", INT32_MAX, "version", &version)) || !version) {
        http_answer_problem(x, 400, "malformed_request", "\"version\" must be a number from 1 on");
        return;
    }
    struct span tenant = span_str(b.tenant), id = http_param(x, "id");
    struct err e = policy_store_version(s->policies, tenant, id, (int64_t)version, &earlier);
    if (!failed(e) && !policy_document_good(x, json_object_get(earlier, "policy"), NULL))
        return;
    if (!failed(e))
        e = policy_store_rollback(s->policies, tenant, id, (int64_t)version, b.subject, clock_now(),
                                  &row);
    if (!failed(e))
        log_change(x, "policy rolled back", &b, row);
    policy_answer_row(x, e, 200, row);
}

/* The document that a bundle makes with `base`; false: answered. */
static bool bundle_document(struct http_exchange *x, const struct as_service *s, struct span tenant,
                            const json_t *body, json_t **document)
{
    owned(json_free) json_t *base = NULL, *bundle = NULL;
    owned(json_free) json_t *standard = json_string(DEFAULT_POLICY_NAME);
    const json_t *named = json_object_get(body, "base");
    struct span jws;
    if (failed(json_get_str(body, "bundle", "bundle", &jws))) {
        http_answer_problem(x, 400, "malformed_request", "\"bundle\" must be a signed text");
        return false;
    }
    if (!s->bundle_keys) {
        http_answer_problem(x, 403, "bundle_refused",
                            "no keys of measurement bundles are configured");
        return false;
    }
    struct err e = measurements_verify(jws, s->bundle_keys, clock_now(), &bundle);
    if (failed(e)) {
        http_answer_failure(x, e, e.kind == FAIL_DENIED ? "bundle_refused" : "malformed_request");
        return false;
    }
    if (!policy_meant(x, s, tenant, named ? named : standard, &base))
        return false;
    e = reference_policy(base, json_object_get(bundle, "sets"), document);
    if (failed(e))
        http_answer_failure(x, e, "internal_error");
    return !failed(e);
}

void policies_import(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "bundle", "base", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL, *document = NULL;
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    if (failed(json_only(body, members))) {
        http_answer_problem(x, 400, "malformed_request",
                            "\"bundle\" and \"base\" are all there is");
        return;
    }
    if (bundle_document(x, s, span_str(b.tenant), body, &document) &&
        policy_document_good(x, document, NULL))
        store_update(x, s, &b, document);
}

void policies_delete(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = policy_store_delete(s->policies, span_str(b.tenant), http_param(x, "id"));
    if (failed(e)) {
        policy_answer_row(x, e, 0, NULL);
        return;
    }
    log_info("policy deleted", "request", http_request_id(x), "user", b.subject);
    http_answer_empty(x, 204);
}
