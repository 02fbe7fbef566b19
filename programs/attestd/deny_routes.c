// SPDX-License-Identifier: Apache-2.0
/* /as/v1/deny-list: for holders of a bearer token whose permissions (service AS) allow it. */
#include "attestd/attest_routes.h"
#include "attestd/bearer_gate.h"
#include "base/clock.h"
#include "base/log.h"

static void answer_failed(struct http_exchange *x, struct err e)
{
    http_answer_failure(x, e,
                        e.kind == FAIL_ABSENT     ? "deny_entry_not_found"
                        : e.kind == FAIL_CONFLICT ? "deny_entry_exists"
                        : e.kind == FAIL_INPUT    ? "malformed_request"
                        : e.kind == FAIL_LIMIT    ? "too_large"
                                                  : "deny_list_unavailable");
}

void deny_add(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "kind", "value", "reason", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL;
    json_t *row = NULL;
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    struct deny_order o = { .tenant = span_str(b.tenant), .author = b.subject, .now = clock_now() };
    struct err e = json_only(body, members);
    if (!failed(e))
        e = json_get_str(body, "kind", "kind is fmspc, family, chip, firmware or advisory",
                         &o.kind);
    if (!failed(e))
        e = json_get_str(body, "value", "value is missing", &o.value);
    if (!failed(e))
        e = json_get_str(body, "reason", "reason is missing", &o.reason);
    if (!failed(e))
        e = deny_store_add(s->denials, &o, &row);
    if (failed(e)) {
        answer_failed(x, e);
        return;
    }
    log_info("added to the deny list", "request", http_request_id(x), "user", b.subject, "entry",
             json_string_value(json_object_get(row, "id")));
    http_answer_json(x, 201, row);
}

void deny_list(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *rows = NULL;
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = deny_store_list(s->denials, span_str(b.tenant), &rows);
    if (failed(e))
        answer_failed(x, e);
    else
        http_answer_json(x, 200, json_pack("{s:o}", "entries", rows));
}

void deny_remove(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = deny_store_remove(s->denials, span_str(b.tenant), http_param(x, "id"), b.subject,
                                     clock_now());
    if (failed(e)) {
        answer_failed(x, e);
        return;
    }
    char *name owned(free) = span_dup(http_param(x, "id"));
    log_info("taken off the deny list", "request", http_request_id(x), "user", b.subject, "entry",
             name);
    http_answer_empty(x, 204);
}

fallible deny_gather(const struct as_service *s, struct envelope *envelope, char **text)
{
    TRY(deny_store_in_force_text(s->denials, envelope->request.tenant, text));
    envelope->request.denied = span_str(*text);
    return OK;
}
