// SPDX-License-Identifier: Apache-2.0
#include "access/role.h"

#include "access/role_row_internal.h"
#include "access/role_spec_internal.h"
#include "store/rows.h"

static fallible insert(struct store *s, const char *tenant, const char *id,
                       const struct role_text *t, int64_t now)
{
    struct statement *q;

    TRY(store_query(
        s,
        "INSERT INTO roles (tenant, role_id, service, name, context, permissions, version,"
        " created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)",
        &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, id);
    bind_str(q, 3, t->service);
    bind_str(q, 4, t->name);
    bind_str(q, 5, t->context);
    bind_str(q, 6, t->permissions);
    bind_int(q, 7, now);
    return store_run(q);
}

static fallible find(struct store *s, const char *tenant, struct span id, json_t **out)
{
    struct statement *q;

    TRY(store_query(
        s, "SELECT " ROLE_COLUMNS " FROM roles r WHERE r.tenant = ?1 AND r.role_id = ?2", &q));
    bind_str(q, 1, tenant);
    bind_text(q, 2, id);
    return role_row_one(q, out);
}

fallible role_create(struct store *s, const char *tenant, const struct role_spec *spec, int64_t now,
                     json_t **out)
{
    struct role_text t owned(role_text_done) = { 0 };
    char id[UUID_TEXT_SIZE];

    TRY(role_spec_check(spec, &t));
    TRY(random_uuid(id));
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(insert(guard, tenant, id, &t, now));
    return find(guard, tenant, span_str(id), out);
}

fallible role_find(struct store *s, const char *tenant, struct span id, json_t **out)
{
    if (!uuid_valid(id))
        return FAIL(ABSENT, "no such role");
    struct store *guard owned(store_guard) = store_guarded(s);
    return find(guard, tenant, id, out);
}

fallible role_set_permissions(struct store *s, const char *tenant, struct span id,
                              const json_t *permissions, int64_t now)
{
    char *rules owned(free) = NULL;
    struct statement *q;

    TRY(role_rules_check(permissions, &rules));
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(store_query(guard,
                    "UPDATE roles SET permissions = ?3, updated_at = ?4, version = version + 1"
                    " WHERE tenant = ?1 AND role_id = ?2",
                    &q));
    bind_str(q, 1, tenant);
    bind_text(q, 2, id);
    bind_str(q, 3, rules);
    bind_int(q, 4, now);
    return store_run_one(guard, q, "no such role");
}

fallible role_delete(struct store *s, const char *tenant, struct span id)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(guard, "DELETE FROM roles WHERE tenant = ?1 AND role_id = ?2", &q));
    bind_str(q, 1, tenant);
    bind_text(q, 2, id);
    return store_run_one(guard, q, "no such role");
}

fallible role_list(struct store *s, const char *tenant, const struct role_filter *filter,
                   json_t **out)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(guard,
                    "SELECT " ROLE_COLUMNS " FROM roles r WHERE r.tenant = ?1 AND " ROLE_FILTER
                    " ORDER BY r.service, r.name, r.context LIMIT ?2",
                    &q));
    bind_str(q, 1, tenant);
    bind_int(q, 2, ROLE_LIST_MAX);
    role_filter_bind(q, filter);
    return role_row_all(q, out);
}
