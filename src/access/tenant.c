// SPDX-License-Identifier: Apache-2.0
#include "access/tenant.h"

#include "base/clock.h"
#include "store/rows.h"

static struct err read_row(struct statement *q, json_t **row)
{
    char time[CLOCK_TEXT_MAX];
    json_t *j = json_object();

    json_set_span(j, "name", column_text(q, 0));
    json_set_str(j, "created_at", clock_format(column_int(q, 1), time));
    *row = j;
    return OK;
}

static fallible find(struct store *s, struct span name, json_t **out)
{
    struct statement *q;

    TRY(store_query(
        s, "SELECT tenant, created_at FROM tenants WHERE tenant = ?1 AND deleted_at = 0", &q));
    bind_text(q, 1, name);
    return store_read_one(q, read_row, "no such tenant", out);
}

fallible tenant_create(struct store *s, struct span name, int64_t now, json_t **out)
{
    struct statement *q;

    if (!tenant_name_valid(name))
        return FAIL(INPUT, "a tenant's name is 1 to 64 of a-z 0-9 -");
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(store_query(guard, "INSERT INTO tenants (tenant, created_at) VALUES (?1, ?2)", &q));
    bind_text(q, 1, name);
    bind_int(q, 2, now);
    TRY(store_run(q));
    return find(guard, name, out);
}

fallible tenant_find(struct store *s, struct span name, json_t **out)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    return find(guard, name, out);
}

fallible tenant_list(struct store *s, struct span after, json_t **out)
{
    owned(json_free) json_t *list = json_array();
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(guard,
                    "SELECT tenant, created_at FROM tenants WHERE tenant > ?1 AND deleted_at = 0"
                    " ORDER BY tenant LIMIT 1000",
                    &q));
    bind_text(q, 1, after);
    TRY(store_read_all(q, read_row, TENANT_LIST_MAX, list));
    *out = TAKE(list);
    return OK;
}

/* User and role rows take the links between them along. */
fallible tenant_delete(struct store *s, struct span name, int64_t now)
{
    static const char *const of_tenant[] = { "DELETE FROM users WHERE tenant = ?1",
                                             "DELETE FROM roles WHERE tenant = ?1" };
    struct statement *q;

    if (span_equal_str(name, TENANT_DEFAULT))
        return FAIL(INPUT, "tenant default is the operator's own and stays");
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(store_begin(guard));
    for (size_t i = 0; i < sizeof of_tenant / sizeof of_tenant[0]; i++) {
        TRY(store_query(guard, of_tenant[i], &q));
        bind_text(q, 1, name);
        TRY(store_run(q));
    }
    TRY(store_query(guard,
                    "UPDATE tenants SET deleted_at = ?2 WHERE tenant = ?1 AND deleted_at = 0", &q));
    bind_text(q, 1, name);
    bind_int(q, 2, now);
    TRY(store_run_one(guard, q, "no such tenant"));
    return store_commit(guard);
}
