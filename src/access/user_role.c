// SPDX-License-Identifier: Apache-2.0
#include "access/role.h"

#include "access/role_row_internal.h"
#include "store/rows.h"

static fallible list(struct store *s, const char *tenant, const char *user_id,
                     const struct role_filter *f, json_t **out)
{
    struct statement *q;

    TRY(store_query(s,
                    "SELECT " ROLE_COLUMNS
                    " FROM roles r JOIN user_roles u ON u.tenant = r.tenant AND"
                    " u.role_id = r.role_id WHERE u.tenant = ?1 AND u.user_id = ?2 AND " ROLE_FILTER
                    " ORDER BY r.service, r.name, r.context LIMIT ?7",
                    &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, user_id);
    role_filter_bind(q, f);
    bind_int(q, 7, USER_ROLES_MAX + 1);
    return role_row_all(q, out);
}

/* The entry of `permissions` for this service and context, made where there is none. */
static json_t *entry_of(json_t *permissions, const char *service, const char *context)
{
    size_t i;
    json_t *entry;

    json_array_foreach(permissions, i, entry)
    {
        if (!strcmp(json_string_value(json_object_get(entry, "service")), service) &&
            !strcmp(json_string_value(json_object_get(entry, "context")), context))
            return entry;
    }
    entry = json_pack("{s:s, s:s, s:[]}", "service", service, "context", context, "rules");
    return json_array_append_new(permissions, entry) ? NULL : entry;
}

static bool add_role(json_t *roles, json_t *permissions, const json_t *role)
{
    const char *service = json_string_value(json_object_get(role, "service"));
    const char *context = json_string_value(json_object_get(role, "context"));
    json_t *rules = json_object_get(role, "permissions");

    if (json_array_append_new(roles, json_pack("{s:s, s:O, s:s}", "service", service, "name",
                                               json_object_get(role, "name"), "context", context)))
        return false;
    if (!json_array_size(rules))
        return true;
    json_t *entry = entry_of(permissions, service, context);
    return entry && !json_array_extend(json_object_get(entry, "rules"), rules);
}

static fallible claims_of(const json_t *held, json_t **out)
{
    owned(json_free) json_t *claims = json_pack("{s:[], s:[]}", "roles", "permissions");
    size_t i;
    json_t *role;

    json_array_foreach(held, i, role)
    {
        if (!add_role(json_object_get(claims, "roles"), json_object_get(claims, "permissions"),
                      role))
            return FAIL(SYSTEM, "memory for claims");
    }
    if (!claims)
        return FAIL(SYSTEM, "memory for claims");
    *out = TAKE(claims);
    return OK;
}

fallible role_claims(const json_t *held, json_t **out)
{
    owned(json_free) json_t *claims = NULL;

    TRY(claims_of(held, &claims));
    char *text owned(free) = json_text(claims);
    if (!text)
        return FAIL(SYSTEM, "memory for claims");
    if (json_array_size(held) > USER_ROLES_MAX || strlen(text) > USER_CLAIMS_MAX)
        return FAIL(LIMIT, "user: more roles than fit into a token");
    *out = TAKE(claims);
    return OK;
}

static fallible size_check(struct store *s, const char *tenant, const char *user_id)
{
    owned(json_free) json_t *held = NULL, *claims = NULL;

    TRY(list(s, tenant, user_id, &(const struct role_filter){ 0 }, &held));
    return role_claims(held, &claims);
}

static fallible grant_one(struct store *s, const char *tenant, const char *user_id,
                          const json_t *id, int64_t now)
{
    struct statement *q;

    if (!json_is_string(id))
        return FAIL(INPUT, "role_ids is a list of ids");
    TRY(store_query(s,
                    "INSERT INTO user_roles (tenant, user_id, role_id, version, created_at)"
                    " VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT (tenant, user_id, role_id) DO NOTHING",
                    &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, user_id);
    bind_text(q, 3, span_from(json_string_value(id), json_string_length(id)));
    bind_int(q, 4, now);
    struct err e = store_run(q);
    return e.kind == FAIL_CONFLICT ? FAIL(ABSENT, "no such user or role")
                                   : e; /* the foreign keys */
}

fallible user_role_grant(struct store *s, const char *tenant, const char *user_id,
                         const json_t *role_ids, int64_t now)
{
    size_t count = json_array_size(role_ids);

    if (!count || count > USER_ROLES_MAX)
        return FAIL(INPUT, "role_ids is a list of 1 to 64 ids");
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(store_begin(guard));
    for (size_t i = 0; i < count; i++)
        TRY(grant_one(guard, tenant, user_id, json_array_get(role_ids, i), now));
    TRY(size_check(guard, tenant, user_id));
    return store_commit(guard);
}

fallible user_role_revoke(struct store *s, const char *tenant, const char *user_id,
                          struct span role_id)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(
        guard, "DELETE FROM user_roles WHERE tenant = ?1 AND user_id = ?2 AND role_id = ?3", &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, user_id);
    bind_text(q, 3, role_id);
    return store_run_one(guard, q, "the user has no such role");
}

fallible user_role_list(struct store *s, const char *tenant, const char *user_id,
                        const struct role_filter *filter, json_t **out)
{
    struct store *guard owned(store_guard) = store_guarded(s);

    return list(guard, tenant, user_id, filter, out);
}

fallible user_role_find(struct store *s, const char *tenant, const char *user_id,
                        struct span role_id, json_t **out)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(
        guard,
        "SELECT " ROLE_COLUMNS " FROM roles r JOIN user_roles u ON u.tenant = r.tenant AND"
        " u.role_id = r.role_id WHERE u.tenant = ?1 AND u.user_id = ?2 AND u.role_id = ?3",
        &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, user_id);
    bind_text(q, 3, role_id);
    return role_row_one(q, out);
}

fallible user_role_claims(struct store *s, const char *tenant, const char *user_id, json_t **out)
{
    owned(json_free) json_t *held = NULL;

    TRY(user_role_list(s, tenant, user_id, &(const struct role_filter){ 0 }, &held));
    return claims_of(held, out);
}
