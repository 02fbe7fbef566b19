// SPDX-License-Identifier: Apache-2.0
/* /aas/v1/roles */
#include "access/permission.h"
#include "access/role.h"

#include "aasd/aas.h"
#include "base/clock.h"
#include "base/log.h"

static const struct json_shape rule[] = { { "", SHAPE_TEXT, .max = RULE_MAX } };

/* Of the right types already, aas_body(). */
static fallible read_spec(const json_t *body, struct role_spec *out)
{
    struct role_spec s = { .permissions = json_object_get(body, "permissions") };

    TRY(json_get_str(body, "service", "service", &s.service));
    TRY(json_get_str(body, "name", "name", &s.name));
    TRY(json_opt_str(body, "context", "context", &s.context));
    *out = s;
    return OK;
}

/* What the caller can mend is named. */
static void answer_failure(struct http_exchange *x, struct err e, const struct role_spec *spec)
{
    const char *member = role_spec_fault(spec);

    if (e.kind == FAIL_INPUT && member)
        aas_answer_invalid(x, "role_invalid", member, e.what);
    else
        aas_answer_failure(x, e.kind == FAIL_CONFLICT ? FAIL(CONFLICT, "same role exists") : e,
                           "role");
}

void aas_role_create(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = {
        { "service", SHAPE_TEXT, true },
        { "name", SHAPE_TEXT, true },
        { "context", SHAPE_TEXT },
        { "permissions", SHAPE_LIST, .max = ROLE_RULES_MAX, .inner = rule },
        { 0 },
    };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    json_t *role = NULL;
    struct role_spec spec = { 0 };
    struct caller c;

    if (!aas_authorise(x, a, &c) || !aas_body(x, members, &body))
        return;
    struct err e = read_spec(body, &spec);
    if (!failed(e))
        e = role_create(a->store, c.tenant, &spec, clock_now(), &role);
    if (failed(e)) {
        answer_failure(x, e, &spec);
        return;
    }
    log_info("role added", "role", json_string_value(json_object_get(role, "role_id")), "by",
             c.user.name, "request", http_request_id(x));
    http_answer_json(x, 201, role);
}

struct role_filter aas_role_filter(const struct http_exchange *x)
{
    return (struct role_filter){ .service = http_query(x, "service"),
                                 .name = http_query(x, "name"),
                                 .context = http_query(x, "context"),
                                 .context_part = http_query(x, "contextContains") };
}

void aas_role_list(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    const struct role_filter filter = aas_role_filter(x);
    struct caller c;
    json_t *list = NULL;

    if (!aas_authorise(x, a, &c))
        return;
    struct err e = role_list(a->store, c.tenant, &filter, &list);
    if (failed(e))
        aas_answer_failure(x, e, "role");
    else
        http_answer_json(x, 200, list);
}

static void answer_role(struct http_exchange *x, struct aas *a, const struct caller *c)
{
    json_t *role = NULL;

    struct err e = role_find(a->store, c->tenant, http_param(x, "id"), &role);
    if (failed(e))
        aas_answer_failure(x, e, "role");
    else
        http_answer_json(x, 200, role);
}

void aas_role_show(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;

    if (aas_authorise(x, a, &c))
        answer_role(x, a, &c);
}

void aas_role_update(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = {
        { "permissions", SHAPE_LIST, true, .max = ROLE_RULES_MAX, .inner = rule }, { 0 }
    };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    const json_t *permissions;
    struct caller c;

    if (!aas_authorise(x, a, &c) || !aas_body(x, members, &body))
        return;
    struct err e =
        json_get_array(body, "permissions", "permissions is a list of rules", &permissions);
    if (!failed(e))
        e = role_set_permissions(a->store, c.tenant, http_param(x, "id"), permissions, clock_now());
    if (e.kind == FAIL_INPUT) {
        aas_answer_invalid(x, "role_invalid", "permissions", e.what);
        return;
    }
    if (failed(e)) {
        aas_answer_failure(x, e, "role");
        return;
    }
    log_info("privilege modified", "by", c.user.name, "request", http_request_id(x));
    answer_role(x, a, &c);
}

void aas_role_delete(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;

    if (!aas_authorise(x, a, &c))
        return;
    struct err e = role_delete(a->store, c.tenant, http_param(x, "id"));
    if (failed(e)) {
        aas_answer_failure(x, e, "role");
        return;
    }
    log_info("role deleted", "by", c.user.name, "request", http_request_id(x));
    http_answer_empty(x, 204);
}
