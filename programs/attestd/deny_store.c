// SPDX-License-Identifier: Apache-2.0
#include "attestd/deny_store.h"

#include "base/clock.h"
#include "store/rows.h"

#define OPERATOR "default"

struct deny_store {
    struct store *store;
};

static const struct migration migrations[] = {
    { 1, "CREATE TABLE denial (tenant TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,"
         " value TEXT NOT NULL, reason TEXT NOT NULL, author TEXT NOT NULL,"
         " created_at BIGINT NOT NULL, removed_at BIGINT, removed_by TEXT);"
         "CREATE UNIQUE INDEX denial_in_force ON denial (tenant, name) WHERE removed_at IS NULL" },
};

fallible deny_store_open(const char *url, struct deny_store **out)
{
    owned(deny_store_close) struct deny_store *s = calloc(1, sizeof(*s));
    if (!s)
        return FAIL(SYSTEM, "memory for the deny list");
    TRY(store_open(url, &s->store));
    TRY(store_migrate(s->store, migrations, sizeof(migrations) / sizeof(migrations[0])));
    *out = TAKE(s);
    return OK;
}

void deny_store_close(struct deny_store *s)
{
    if (!s)
        return;
    store_close(s->store);
    free(s);
}

static fallible add_rows(struct store *s, struct span tenant, json_t *rows)
{
    struct statement *q;
    struct err e = OK;
    TRY(store_query(s,
                    "SELECT name, kind, value, reason, author, created_at FROM denial"
                    " WHERE tenant = ?1 AND removed_at IS NULL ORDER BY name",
                    &q));
    bind_text(q, 1, tenant);
    for (bool row = true; row && !failed(e);) {
        char when[CLOCK_TEXT_MAX];
        e = store_step(q, &row);
        if (failed(e) || !row)
            break;
        json_t *j = json_object();
        json_set_span(j, "id", column_text(q, 0));
        json_set_span(j, "kind", column_text(q, 1));
        json_set_span(j, "value", column_text(q, 2));
        json_set_span(j, "reason", column_text(q, 3));
        json_set_span(j, "author", column_text(q, 4));
        json_set_str(j, "created_at", clock_format(column_int(q, 5), when));
        if (json_array_append_new(rows, j))
            e = FAIL(SYSTEM, "memory for the deny list");
    }
    store_reset(q);
    return e;
}

fallible deny_store_list(struct deny_store *s, struct span tenant, json_t **rows)
{
    owned(json_free) json_t *list = json_array();
    store_lock(s->store);
    struct err e = add_rows(s->store, tenant, list);
    store_unlock(s->store);
    TRY(e);
    *rows = TAKE(list);
    return OK;
}

fallible deny_store_in_force(struct deny_store *s, struct span tenant, json_t **rows)
{
    owned(json_free) json_t *list = json_array();
    store_lock(s->store);
    struct err e = add_rows(s->store, SPAN(OPERATOR), list);
    if (!failed(e) && !span_equal(tenant, SPAN(OPERATOR)))
        e = add_rows(s->store, tenant, list);
    store_unlock(s->store);
    TRY(e);
    *rows = TAKE(list);
    return OK;
}

fallible deny_store_in_force_text(struct deny_store *s, struct span tenant, char **text)
{
    owned(json_free) json_t *rows = NULL;
    TRY(deny_store_in_force(s, tenant.len ? tenant : SPAN(OPERATOR), &rows));
    *text = json_text(rows);
    return *text ? OK : FAIL(SYSTEM, "memory for the deny list");
}

static fallible insert(struct store *s, const struct deny_order *o, struct span name)
{
    struct statement *q;
    owned(json_free) json_t *there = json_array();
    TRY(add_rows(s, o->tenant, there));
    if (json_array_size(there) >= DENY_ENTRIES_MAX)
        return FAIL(LIMIT, "the deny list is full");
    TRY(store_query(s,
                    "INSERT INTO denial (tenant, name, kind, value, reason, author, created_at)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    &q));
    bind_text(q, 1, o->tenant);
    bind_text(q, 2, name);
    bind_text(q, 3, o->kind);
    bind_text(q, 4, span_tail(name, span_find(name, SPAN(":")) + 1));
    bind_text(q, 5, o->reason);
    bind_str(q, 6, o->author);
    bind_int(q, 7, o->now);
    return store_run(q);
}

static fallible find_row(struct store *s, struct span tenant, const char *name, json_t **row)
{
    owned(json_free) json_t *rows = json_array();
    TRY(add_rows(s, tenant, rows));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *one = json_array_get(rows, i);
        if (!strcmp(json_string_value(json_object_get(one, "id")), name)) {
            *row = json_incref(one);
            return OK;
        }
    }
    return FAIL(ABSENT, "the deny list has no such entry");
}

fallible deny_store_add(struct deny_store *s, const struct deny_order *o, json_t **row)
{
    char name[DENY_NAME_MAX + 1];
    TRY(deny_name(o->kind, o->value, name));
    if (!o->reason.len || o->reason.len > DENY_REASON_MAX)
        return FAIL(INPUT, "reason is 1 to 512 bytes");
    store_lock(s->store);
    struct err e = insert(s->store, o, span_str(name));
    if (!failed(e))
        e = find_row(s->store, o->tenant, name, row);
    store_unlock(s->store);
    return e.kind == FAIL_CONFLICT ? FAIL(CONFLICT, "the deny list has this entry already") : e;
}

static fallible mark_removed(struct store *s, struct span tenant, struct span name,
                             const char *author, int64_t now)
{
    struct statement *q;
    TRY(store_query(s,
                    "UPDATE denial SET removed_at = ?3, removed_by = ?4 WHERE tenant = ?1"
                    " AND name = ?2 AND removed_at IS NULL",
                    &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, name);
    bind_int(q, 3, now);
    bind_str(q, 4, author);
    return store_run_one(s, q, "the deny list has no such entry");
}

fallible deny_store_remove(struct deny_store *s, struct span tenant, struct span name,
                           const char *author, int64_t now)
{
    store_lock(s->store);
    struct err e = mark_removed(s->store, tenant, name, author, now);
    store_unlock(s->store);
    return e;
}
