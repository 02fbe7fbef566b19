// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <assert.h>

#include "base/clock.h"
#include "store/store_internal.h"

static fallible schema_version(struct store *s, int64_t *version)
{
    struct statement *q;
    bool row;

    TRY(store_query(s, "SELECT coalesce(max(version), 0) FROM schema_version", &q));
    TRY(store_step(q, &row));
    if (!row)
        return FAIL(SYSTEM, "no schema version");
    *version = column_int(q, 0);
    store_reset(q);
    return OK;
}

static fallible apply(struct store *s, const struct migration *m)
{
    struct statement *q;

    TRY(store_execute(s, m->sql));
    TRY(store_query(s, "INSERT INTO schema_version (version, applied_at) VALUES (?1, ?2)", &q));
    bind_int(q, 1, m->version);
    bind_int(q, 2, clock_now());
    return store_run(q);
}

/* The version is read under the write lock: two programs that start at once apply each step once.
 */
static fallible apply_next(struct store *s, const struct migration *list, size_t count, bool *done)
{
    int64_t version;

    TRY(store_execute(s, "CREATE TABLE IF NOT EXISTS schema_version ("
                         "version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)"));
    TRY(schema_version(s, &version));
    if (version < 0 || (uint64_t)version > count)
        return FAIL(CONFLICT, "the database was made by a newer version of this program");
    *done = (size_t)version == count;
    if (*done)
        return OK;
    return apply(s, &list[version]);
}

fallible store_migrate(struct store *s, const struct migration *list, size_t count)
{
    bool done = false;

    for (size_t i = 0; i < count; i++)
        assert(list[i].version == (int)i + 1);
    while (!done) {
        TRY(store_begin(s));
        struct err e = apply_next(s, list, count, &done);
        if (failed(e)) {
            store_rollback(s);
            return e;
        }
        TRY(store_commit(s));
    }
    return OK;
}
