// SPDX-License-Identifier: Apache-2.0
/* /aas/v1/users/{id}/roles and /permissions: which user has which role. */
#include "access/role.h"

#include "aasd/aas.h"
#include "base/clock.h"
#include "base/log.h"

/* Permission, then the user of the path. */
static bool find_user(struct http_exchange *x, struct aas *a, struct caller *c, struct user *out)
{
    if (!aas_authorise(x, a, c))
        return false;
    struct err e = user_find(a->store, c->tenant, http_param(x, "id"), out);
    if (failed(e))
        aas_answer_failure(x, e, "user");
    return !failed(e);
}

void aas_user_role_grant(struct http_exchange *x, void *context)
{
    static const struct json_shape id[] = { { "", SHAPE_UUID } };
    static const struct json_shape members[] = {
        { "role_ids", SHAPE_LIST, true, .min = 1, .max = USER_ROLES_MAX, .inner = id }, { 0 }
    };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    const json_t *ids;
    struct caller c;
    struct user u;

    if (!find_user(x, a, &c, &u) || !aas_body(x, members, &body))
        return;
    struct err e = json_get_array(body, "role_ids", "role_ids is a list of ids", &ids);
    if (!failed(e))
        e = user_role_grant(a->store, c.tenant, u.id, ids, clock_now());
    if (failed(e)) {
        aas_answer_failure(x, e, "role");
        return;
    }
    log_info("privilege modified", "user", u.name, "by", c.user.name, "request",
             http_request_id(x));
    http_answer_empty(x, 201);
}

void aas_user_role_list(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    json_t *list = NULL;
    struct caller c;
    struct user u;

    if (!find_user(x, a, &c, &u))
        return;
    const struct role_filter filter = aas_role_filter(x);
    struct err e = user_role_list(a->store, c.tenant, u.id, &filter, &list);
    if (failed(e))
        aas_answer_failure(x, e, "role");
    else
        http_answer_json(x, 200, list);
}

void aas_user_permissions(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    owned(json_free) json_t *claims = NULL;
    struct caller c;
    struct user u;

    if (!find_user(x, a, &c, &u))
        return;
    struct err e = user_role_claims(a->store, c.tenant, u.id, &claims);
    if (failed(e))
        aas_answer_failure(x, e, "role");
    else
        http_answer_json(x, 200, json_incref(json_object_get(claims, "permissions")));
}

void aas_user_role_show(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    json_t *role = NULL;
    struct caller c;
    struct user u;

    if (!find_user(x, a, &c, &u))
        return;
    struct err e = user_role_find(a->store, c.tenant, u.id, http_param(x, "role"), &role);
    if (failed(e))
        aas_answer_failure(x, e, "role");
    else
        http_answer_json(x, 200, role);
}

void aas_user_role_revoke(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    struct user u;

    if (!find_user(x, a, &c, &u))
        return;
    struct err e = user_role_revoke(a->store, c.tenant, u.id, http_param(x, "role"));
    if (failed(e)) {
        aas_answer_failure(x, e, "role");
        return;
    }
    log_info("privilege modified", "user", u.name, "by", c.user.name, "request",
             http_request_id(x));
    http_answer_empty(x, 204);
}
