// SPDX-License-Identifier: Apache-2.0
/* /aas/v1/tenants: for the operator's own tenant. Keys and policies of a tenant are not here. */
#include "aasd/aas.h"

#include "access/tenant.h"
#include "base/clock.h"
#include "base/log.h"

/* A tenant without its administrator is of use to nobody. */
static fallible make(struct aas *a, struct span name, struct span administrator, const char *hash,
                     json_t **out)
{
    char *tenant owned(free) = span_dup(name);
    int64_t now = clock_now();
    struct user u;

    if (!tenant)
        return FAIL(SYSTEM, "out of memory");
    TRY(tenant_create(a->store, name, now, out));
    struct err e = user_create(a->store, tenant, administrator, hash, now, &u);
    if (!failed(e))
        e = aas_grant_administrator(a, tenant, &u, now);
    struct err undone = failed(e) ? tenant_delete(a->store, name, now) : OK;
    if (failed(undone))
        log_err(undone, "a tenant without administrator is left", "tenant", tenant);
    return e;
}

static bool read_names(struct http_exchange *x, const json_t *body, struct span *name,
                       struct span *administrator)
{
    struct err e = json_get_str(body, "name", "name is a text", name);

    if (!failed(e))
        e = json_get_str(body, "administrator", "administrator is a text", administrator);
    bool named = !failed(e) && tenant_name_valid(*name);
    bool good = named && user_name_valid(*administrator);
    if (!named)
        aas_answer_invalid(x, "tenant_invalid", "name", "1 to 64 of a-z 0-9 -");
    else if (!good)
        aas_answer_invalid(x, "tenant_invalid", "administrator", USER_NAME_RULE);
    return good;
}

void aas_tenant_create(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = { { "name", SHAPE_TEXT, true },
                                                 { "administrator", SHAPE_TEXT, true },
                                                 { "password", SHAPE_TEXT, true },
                                                 { 0 } };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL, *made = NULL;
    char hash[PASSWORD_HASH_SIZE];
    struct span name, administrator;
    struct caller c;

    if (!aas_authorise_operator(x, a, &c) || !aas_body(x, members, &body) ||
        !read_names(x, body, &name, &administrator) || !aas_take_new_password(x, a, body, hash))
        return;
    struct err e = make(a, name, administrator, hash, &made);
    if (failed(e)) {
        aas_answer_failure(x, e, "tenant");
        return;
    }
    json_set_span(made, "administrator", administrator);
    log_info("tenant added", "tenant", json_string_value(json_object_get(made, "name")), "by",
             c.user.name, "request", http_request_id(x));
    http_answer_json(x, 201, TAKE(made));
}

void aas_tenant_list(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct span after = http_query(x, "after");
    json_t *list = NULL;
    struct caller c;

    if (!aas_authorise_operator(x, a, &c))
        return;
    if (after.len && !tenant_name_valid(after)) {
        http_answer_invalid(
            x, "malformed_request", "after is a tenant's name",
            json_pack("[{s:s,s:s}]", "parameter", "after", "detail", "a tenant's name"));
        return;
    }
    struct err e = tenant_list(a->store, after, &list);
    if (failed(e))
        aas_answer_failure(x, e, "tenant");
    else
        http_answer_json(x, 200, list);
}

void aas_tenant_show(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    json_t *tenant = NULL;
    struct caller c;

    if (!aas_authorise_operator(x, a, &c))
        return;
    struct err e = tenant_find(a->store, http_param(x, "name"), &tenant);
    if (failed(e))
        aas_answer_failure(x, e, "tenant");
    else
        http_answer_json(x, 200, tenant);
}

void aas_tenant_delete(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;

    if (!aas_authorise_operator(x, a, &c))
        return;
    struct err e = tenant_delete(a->store, http_param(x, "name"), clock_now());
    if (failed(e)) {
        aas_answer_failure(x, e, "tenant");
        return;
    }
    char *name owned(free) = span_dup(http_param(x, "name"));
    if (name && !aas_end_tokens(x, a, name, NULL))
        return;
    log_info("tenant deleted", "tenant", name ? name : "", "by", c.user.name, "request",
             http_request_id(x));
    http_answer_empty(x, 204);
}
