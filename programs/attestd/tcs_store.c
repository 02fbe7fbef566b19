// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_store.h"

static const struct migration migrations[] = {
    { 1, "CREATE TABLE collateral ("
         " key TEXT PRIMARY KEY, body BLOB NOT NULL, chain TEXT, issued BIGINT NOT NULL,"
         " next_update BIGINT NOT NULL, evaluation BIGINT NOT NULL, fetched_at BIGINT NOT NULL)" },
};

fallible tcs_store_migrate(struct store *s)
{
    return store_migrate(s, migrations, sizeof(migrations) / sizeof(migrations[0]));
}

static fallible read_row(struct statement *q, struct tcs_item *out, int64_t *fetched_at)
{
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    buf_add(&t.body, column_blob(q, 0));
    TRY(buf_check(&t.body));
    if (!column_is_null(q, 1) && !(t.chain = span_dup(column_text(q, 1))))
        return FAIL(SYSTEM, "memory for collateral");
    t.issued = column_int(q, 2);
    t.next_update = column_int(q, 3);
    t.evaluation = (uint64_t)column_int(q, 4);
    *fetched_at = column_int(q, 5);
    tcs_item_done(out);
    *out = t;
    t = tcs_item_of();
    return OK;
}

fallible tcs_store_load(struct store *s, const char *key, struct tcs_item *out, int64_t *fetched_at)
{
    struct statement *q;
    bool row;
    TRY(store_query(s,
                    "SELECT body, chain, issued, next_update, evaluation, fetched_at FROM "
                    "collateral WHERE key = ?1",
                    &q));
    bind_str(q, 1, key);
    TRY(store_step(q, &row));
    if (!row)
        return FAIL(ABSENT, "not in the cache");
    struct err e = read_row(q, out, fetched_at);
    store_reset(q);
    return e;
}

fallible tcs_store_save(struct store *s, const char *key, const struct tcs_item *item,
                        int64_t fetched_at)
{
    struct statement *q;
    TRY(store_query(
        s,
        "INSERT INTO collateral (key, body, chain, issued, next_update, evaluation, fetched_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key) DO UPDATE SET body = excluded.body,"
        " chain = excluded.chain, issued = excluded.issued, next_update = excluded.next_update,"
        " evaluation = excluded.evaluation, fetched_at = excluded.fetched_at",
        &q));
    bind_str(q, 1, key);
    bind_blob(q, 2, buf_span(&item->body));
    bind_str(q, 3, item->chain);
    bind_int(q, 4, item->issued);
    bind_int(q, 5, item->next_update);
    bind_int(q, 6, (int64_t)item->evaluation);
    bind_int(q, 7, fetched_at);
    return store_run(q);
}
