// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "http/problem.h"
#include "kbsd/guest.h"
#include "kbsd/kbs.h"

#define KEY_BODY_MAX (SEALED_SECRET_MAX + (4U << 10)) /* an opaque secret, sealed */

struct broker_request kbs_question(const struct http_exchange *x)
{
    return (struct broker_request){ .request_id = span_str(http_request_id(x)),
                                    .bearer = http_bearer(x),
                                    .tenant = http_scope(x),
                                    .id = http_param(x, "id"),
                                    .body = http_body(x) };
}

void kbs_unavailable(struct http_exchange *x)
{
    http_answer_problem(x, 503, "key_side_unavailable", "the key side does not answer: try again");
}

void kbs_refuse(struct http_exchange *x, const struct operation_answer *a)
{
    char *code owned(free) = span_dup(a->code), *detail owned(free) = span_dup(a->detail);

    int status = a->unauthenticated ? 401
                 : span_equal_str(a->code, "rate_limited")
                     ? 429
                     : problem_status((struct err){ .kind = a->kind });

    if (a->unauthenticated)
        http_answer_header(x, "WWW-Authenticate", "Bearer");
    json_t *problem = problem_json(status, code ? code : "refused", detail, http_request_id(x));
    json_t *errors = NULL;
    if (a->body.len && !failed(json_parse(a->body, &errors)))
        json_object_set_new(problem, "errors", errors);
    http_answer_problem_json(x, status, problem);
}

void kbs_answer(struct http_exchange *x, const struct operation_answer *a, int status)
{
    if (a->kind != FAIL_NONE)
        kbs_refuse(x, a);
    else if (span_equal_str(a->code, KBS_PENDING))
        http_answer(x, 202, "application/json", a->body);
    else if (!a->body.len)
        http_answer_empty(x, status);
    else
        http_answer(x, status, "application/json", a->body);
}

void kbs_forward(struct http_exchange *x, struct kbs *k, enum operation operation,
                 const struct broker_request *q, int status)
{
    struct ipc_message m owned(ipc_message_done) = { 0 };
    struct operation_answer a;

    if (failed(key_side_ask(k->keyd, operation, q, &m, &a)))
        kbs_unavailable(x);
    else
        kbs_answer(x, &a, status);
}

static void simple(struct http_exchange *x, void *context, enum operation operation, int status)
{
    struct broker_request q = kbs_question(x);
    kbs_forward(x, context, operation, &q, status);
}

static void policy_create(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_POLICY_CREATE, 201);
}

static void policy_list(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_POLICY_LIST, 200);
}

static void policy_show(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_POLICY_SHOW, 200);
}

static void policy_update(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_POLICY_UPDATE, 200);
}

static void policy_delete(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_POLICY_DELETE, 204);
}

static void pending_list(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_PENDING_LIST, 200);
}

static void pending_show(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_PENDING_SHOW, 200);
}

/* The answer of the change itself, where it has one. */
static void pending_approve(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_PENDING_APPROVE, 200);
}

static void pending_reject(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_PENDING_REJECT, 204);
}

static void deny_add(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_DENY_ADD, 201);
}

static void deny_list(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_DENY_LIST, 200);
}

static void deny_remove(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_DENY_REMOVE, 204);
}

static void audit_list(struct http_exchange *x, void *context)
{
    static const char *const filters[] = { "limit", "key", "before", NULL };
    struct broker_request q = kbs_question(x);
    json_t *options owned(json_free) = json_object();

    for (const char *const *name = filters; *name; name++)
        if (http_has_query(x, *name))
            json_set_span(options, *name, http_query(x, *name));
    char *text owned(free) = json_text(options);
    q.options = span_str(text);
    kbs_forward(x, context, OPERATION_AUDIT_LIST, &q, 200);
}

static void audit_show(struct http_exchange *x, void *context)
{
    simple(x, context, OPERATION_AUDIT_SHOW, 200);
}

/* One member of keyd's public keys. */
static void public_key(struct http_exchange *x, struct kbs *k, const char *member)
{
    struct ipc_message m owned(ipc_message_done) = { 0 };
    struct broker_request q = kbs_question(x);
    json_t *all owned(json_free) = NULL;
    struct operation_answer a;

    if (failed(key_side_ask(k->keyd, OPERATION_PUBLIC_KEYS, &q, &m, &a)) || a.kind != FAIL_NONE ||
        failed(json_parse_object(a.body, &all)))
        kbs_unavailable(x);
    else
        http_answer_json(x, 200, json_incref(json_object_get(all, member)));
}

static void release_keys(struct http_exchange *x, void *context)
{
    public_key(x, context, "release");
}

static void import_key(struct http_exchange *x, void *context)
{
    public_key(x, context, "import");
}

static void version(struct http_exchange *x, void *context)
{
    static const char text[] = "Service Name: Key Broker Service\nVersion: " WARDER_VERSION "\n";

    (void)context;
    if (span_equal_str(http_header(x, "Accept"), "application/json"))
        http_answer_json(x, 200,
                         json_pack("{s:s,s:s}", "service", "kbs", "version", WARDER_VERSION));
    else
        http_answer(x, 200, "text/plain; charset=utf-8", span_str(text));
}

static bool part_ok(const json_t *parts, const char *name)
{
    const char *text = json_string_value(json_object_get(parts, name));
    return text && !strcmp(text, "ok");
}

static void health(struct http_exchange *x, void *context)
{
    struct kbs *k = context;
    struct ipc_message m owned(ipc_message_done) = { 0 };
    struct broker_request q = kbs_question(x);
    struct operation_answer a = { 0 };
    json_t *parts = NULL;

    bool answers = !failed(key_side_ask(k->keyd, OPERATION_HEALTH, &q, &m, &a)) &&
                   a.kind == FAIL_NONE && !failed(json_parse_object(a.body, &parts));
    if (!parts)
        parts = json_object();
    json_set_str(parts, "keyd", answers ? "ok" : "down");
    bool well = answers && part_ok(parts, "key_manager") && part_ok(parts, "store");
    http_answer_json(x, well ? 200 : 503,
                     json_pack("{s:s,s:s,s:s,s:o}", "service", "kbs", "status",
                               well ? "ok" : "degraded", "version", WARDER_VERSION, "parts",
                               parts));
}

const struct http_route kbs_routes[] = {
    { "GET", "/health", ROUTE_OPEN, health },
    { "GET", "/kbs/v1/version", ROUTE_OPEN, version },
    { "GET", "/kbs/v1/release-keys", ROUTE_OPEN, release_keys },
    { "GET", "/kbs/v1/import-key", ROUTE_OPEN, import_key },
    { "POST", "/kbs/v1/keys", ROUTE_BEARER, kbs_key_create, KEY_BODY_MAX,
      .needs = "KBS:keys:create or KBS:keys:register" },
    { "GET", "/kbs/v1/keys", ROUTE_BEARER, kbs_key_list, .needs = "KBS:keys:search" },
    { "GET", "/kbs/v1/keys/{id}", ROUTE_BEARER, kbs_key_show, .needs = "KBS:keys:retrieve" },
    { "DELETE", "/kbs/v1/keys/{id}", ROUTE_BEARER, kbs_key_delete, .needs = "KBS:keys:delete" },
    { "GET", "/kbs/v1/keys/{id}/versions", ROUTE_BEARER, kbs_key_describe,
      .needs = "KBS:keys:retrieve" },
    { "POST", "/kbs/v1/keys/{id}/rotate", ROUTE_BEARER, kbs_key_rotate, KEY_BODY_MAX,
      .needs = "KBS:keys:rotate" },
    { "POST", "/kbs/v1/keys/{id}/disable", ROUTE_BEARER, kbs_key_disable,
      .needs = "KBS:keys:disable" },
    { "POST", "/kbs/v1/keys/{id}/enable", ROUTE_BEARER, kbs_key_enable,
      .needs = "KBS:keys:enable" },
    { "PUT", "/kbs/v1/keys/{id}/resource-path", ROUTE_BEARER, kbs_key_resource_path,
      .needs = "KBS:keys:rename" },
    { "POST", "/kbs/v1/keys/{id}/transfer", ROUTE_PROOF, kbs_transfer },
    { "POST", "/kbs/v1/keys/{id}/policy-test", ROUTE_BEARER, kbs_policy_test,
      .needs = "KBS:key_transfer_policies:test" },
    { "POST", "/kbs/v1/leases", ROUTE_PROOF, kbs_leases },
    { "POST", "/kbs/v1/keys/{id}/use", ROUTE_PROOF, kbs_transfer },
    { "POST", "/kbs/v1/key-transfer-policies", ROUTE_BEARER, policy_create,
      .needs = "KBS:key_transfer_policies:create" },
    { "GET", "/kbs/v1/key-transfer-policies", ROUTE_BEARER, policy_list,
      .needs = "KBS:key_transfer_policies:search" },
    { "GET", "/kbs/v1/key-transfer-policies/{id}", ROUTE_BEARER, policy_show,
      .needs = "KBS:key_transfer_policies:retrieve" },
    { "PUT", "/kbs/v1/key-transfer-policies/{id}", ROUTE_BEARER, policy_update,
      .needs = "KBS:key_transfer_policies:update" },
    { "DELETE", "/kbs/v1/key-transfer-policies/{id}", ROUTE_BEARER, policy_delete,
      .needs = "KBS:key_transfer_policies:delete" },
    { "GET", "/kbs/v1/pending-changes", ROUTE_BEARER, pending_list, .needs = "KBS:changes:search" },
    { "GET", "/kbs/v1/pending-changes/{id}", ROUTE_BEARER, pending_show,
      .needs = "KBS:changes:search" },
    { "POST", "/kbs/v1/pending-changes/{id}/approve", ROUTE_BEARER, pending_approve,
      .needs = "KBS:changes:approve" },
    { "POST", "/kbs/v1/pending-changes/{id}/reject", ROUTE_BEARER, pending_reject,
      .needs = "KBS:changes:reject" },
    { "POST", "/kbs/v1/deny-list", ROUTE_BEARER, deny_add, .needs = "KBS:deny_list:create" },
    { "GET", "/kbs/v1/deny-list", ROUTE_BEARER, deny_list, .needs = "KBS:deny_list:search" },
    { "DELETE", "/kbs/v1/deny-list/{id}", ROUTE_BEARER, deny_remove,
      .needs = "KBS:deny_list:delete" },
    { "GET", "/kbs/v1/audit", ROUTE_BEARER, audit_list, .needs = "KBS:audit:search" },
    { "GET", "/kbs/v1/audit/{id}", ROUTE_BEARER, audit_show, .needs = "KBS:audit:search" },
    { "POST", "/kbs/v0/auth", ROUTE_PROOF, guest_auth },
    { "POST", "/kbs/v0/attest", ROUTE_PROOF, guest_attest },
    { "GET", "/kbs/v0/resource/{repository}/{type}/{tag}", ROUTE_PROOF, guest_resource },
    { 0 },
};
