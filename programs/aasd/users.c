// SPDX-License-Identifier: Apache-2.0
/* /aas/v1/users */
#include "aasd/aas.h"

#include "base/clock.h"
#include "base/log.h"

bool aas_take_new_password(struct http_exchange *x, struct aas *a, json_t *body,
                           char hash[PASSWORD_HASH_SIZE])
{
    owned(secret_free) struct secret *password = NULL;

    if (!aas_take_password(x, body, "password", &password))
        return false;
    if (!password_acceptable(password)) {
        aas_answer_invalid(x, "password_refused", "password",
                           "8 to 256 bytes without control characters");
        return false;
    }
    struct err e = login_hash(a->login, password, hash);
    if (failed(e))
        aas_answer_failure(x, e, "user");
    return !failed(e);
}

void aas_user_create(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = { { "username", SHAPE_TEXT, true },
                                                 { "password", SHAPE_TEXT, true },
                                                 { 0 } };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    char hash[PASSWORD_HASH_SIZE];
    struct span name;
    struct caller c;
    struct user u;

    if (!aas_authorise(x, a, &c) || !aas_body(x, members, &body))
        return;
    struct err e = json_get_str(body, "username", "username", &name);
    if (failed(e) || !user_name_valid(name)) {
        aas_answer_invalid(x, "user_invalid", "username", USER_NAME_RULE);
        return;
    }
    if (!aas_take_new_password(x, a, body, hash))
        return;
    e = user_create(a->store, c.tenant, name, hash, clock_now(), &u);
    if (failed(e)) {
        aas_answer_failure(x, e.kind == FAIL_CONFLICT ? FAIL(CONFLICT, "same user exists") : e,
                           "user");
        return;
    }
    log_info("user added", "user", u.name, "by", c.user.name, "request", http_request_id(x));
    http_answer_json(x, 201, user_json(&u));
}

void aas_user_list(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    json_t *list = NULL;
    struct span name = http_query(x, "name"), after = http_query(x, "after");

    if (!aas_authorise(x, a, &c))
        return;
    if ((name.len && !user_name_valid(name)) || (after.len && !user_name_valid(after))) {
        http_answer_invalid(x, "malformed_request", "name and after are user names",
                            json_pack("[{s:s,s:s}]", "parameter",
                                      name.len && !user_name_valid(name) ? "name" : "after",
                                      "detail", "a user name"));
        return;
    }
    struct err e = user_list(a->store, c.tenant, name, after, &list);
    if (failed(e))
        aas_answer_failure(x, e, "user");
    else
        http_answer_json(x, 200, list);
}

/* The user of the path, in the caller's tenant, or a 404. */
static bool find_user(struct http_exchange *x, struct aas *a, const struct caller *c,
                      struct user *out)
{
    struct err e = user_find(a->store, c->tenant, http_param(x, "id"), out);
    if (failed(e))
        aas_answer_failure(x, e, "user");
    return !failed(e);
}

void aas_user_show(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    struct user u;

    if (aas_authorise(x, a, &c) && find_user(x, a, &c, &u))
        http_answer_json(x, 200, user_json(&u));
}

void aas_user_update(struct http_exchange *x, void *context)
{
    static const struct json_shape members[] = { { "password", SHAPE_TEXT, true }, { 0 } };
    struct aas *a = context;
    owned(json_free) json_t *body = NULL;
    char hash[PASSWORD_HASH_SIZE];
    struct caller c;
    struct user u;

    if (!aas_authorise(x, a, &c) || !find_user(x, a, &c, &u) || !aas_body(x, members, &body) ||
        !aas_take_new_password(x, a, body, hash))
        return;
    struct err e = user_set_password(a->store, c.tenant, u.id, hash, clock_now());
    if (!failed(e))
        e = user_find(a->store, c.tenant, span_str(u.id), &u);
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return;
    }
    log_info("password changed", "user", u.name, "by", c.user.name, "request", http_request_id(x));
    http_answer_json(x, 200, user_json(&u));
}

void aas_user_delete(struct http_exchange *x, void *context)
{
    struct aas *a = context;
    struct caller c;
    struct user u;

    if (!aas_authorise(x, a, &c) || !find_user(x, a, &c, &u))
        return;
    struct err e = user_delete(a->store, c.tenant, u.id);
    if (failed(e)) {
        aas_answer_failure(x, e, "user");
        return;
    }
    log_info("user deleted", "user", u.name, "by", c.user.name, "request", http_request_id(x));
    http_answer_empty(x, 204);
}
