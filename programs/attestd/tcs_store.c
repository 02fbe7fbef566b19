// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_store.h"

#define CLOCK_KEY "clock"

static const struct migration migrations[] = {
    { 1, "CREATE TABLE collateral ("
         " key TEXT PRIMARY KEY, body BLOB NOT NULL, chain TEXT, issued BIGINT NOT NULL,"
         " next_update BIGINT NOT NULL, evaluation BIGINT NOT NULL, fetched_at BIGINT NOT NULL)" },
    { 2, "CREATE TABLE newest (key TEXT PRIMARY KEY, issued BIGINT NOT NULL,"
         " evaluation BIGINT NOT NULL);"
         "INSERT INTO newest SELECT key, issued, evaluation FROM collateral;"
         "CREATE TABLE platform (qe_id TEXT NOT NULL, pce_id TEXT NOT NULL, enc_ppid TEXT NOT NULL,"
         " manifest TEXT NOT NULL, fmspc TEXT NOT NULL, ca TEXT NOT NULL,"
         " PRIMARY KEY (qe_id, pce_id));"
         "CREATE TABLE pck_cert (qe_id TEXT NOT NULL, pce_id TEXT NOT NULL, tcbm TEXT NOT NULL,"
         " pem TEXT NOT NULL, not_after BIGINT NOT NULL, PRIMARY KEY (qe_id, pce_id, tcbm));"
         "CREATE TABLE raw_tcb (qe_id TEXT NOT NULL, pce_id TEXT NOT NULL, cpu_svn TEXT NOT NULL,"
         " pce_svn TEXT NOT NULL, tcbm TEXT NOT NULL,"
         " PRIMARY KEY (qe_id, pce_id, cpu_svn, pce_svn));"
         "CREATE TABLE pck_chain (ca TEXT PRIMARY KEY, chain TEXT NOT NULL);"
         "CREATE TABLE registration (qe_id TEXT NOT NULL, pce_id TEXT NOT NULL,"
         " cpu_svn TEXT NOT NULL, pce_svn TEXT NOT NULL, enc_ppid TEXT NOT NULL,"
         " manifest TEXT NOT NULL, state BIGINT NOT NULL,"
         " PRIMARY KEY (qe_id, pce_id, cpu_svn, pce_svn));"
         "CREATE TABLE seen_platform (id TEXT PRIMARY KEY, chain TEXT NOT NULL,"
         " seen_at BIGINT NOT NULL);"
         "CREATE TABLE appraisal_policy (fmspc TEXT PRIMARY KEY, policy TEXT NOT NULL)" },
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

static fallible save_item(struct store *s, const char *key, const struct tcs_item *item,
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

static fallible save_newest(struct store *s, const char *key, int64_t issued, uint64_t evaluation)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO newest (key, issued, evaluation) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (key) DO UPDATE SET"
                    " issued = CASE WHEN excluded.issued > issued THEN excluded.issued ELSE issued "
                    "END, evaluation = CASE WHEN excluded.evaluation > evaluation THEN "
                    "excluded.evaluation ELSE evaluation END",
                    &q));
    bind_str(q, 1, key);
    bind_int(q, 2, issued);
    bind_int(q, 3, (int64_t)evaluation);
    return store_run(q);
}

static fallible save_both(struct store *s, const struct tcs_id *id, const struct tcs_item *item,
                          int64_t fetched_at)
{
    char key[TCS_KEY_MAX];
    tcs_id_key(id, key);
    TRY(save_item(s, key, item, fetched_at));
    return save_newest(s, key, item->issued, item->evaluation);
}

fallible tcs_store_save(struct store *s, const struct tcs_id *id, const struct tcs_item *item,
                        int64_t fetched_at, bool began)
{
    if (began)
        return save_both(s, id, item, fetched_at);
    TRY(store_begin(s));
    struct err e = save_both(s, id, item, fetched_at);
    if (!failed(e))
        e = store_commit(s);
    if (failed(e))
        store_rollback(s);
    return e;
}

fallible tcs_store_drop(struct store *s, const char *key)
{
    struct statement *q;
    TRY(store_query(s, "DELETE FROM collateral WHERE key = ?1", &q));
    bind_str(q, 1, key);
    return store_run(q);
}

fallible tcs_store_check_newer(struct store *s, const struct tcs_id *id,
                               const struct tcs_item *item)
{
    struct statement *q;
    char key[TCS_KEY_MAX];
    bool row;
    if (tcs_item_is_certificate(id))
        return OK;
    tcs_id_key(id, key);
    TRY(store_query(s, "SELECT issued, evaluation FROM newest WHERE key = ?1", &q));
    bind_str(q, 1, key);
    TRY(store_step(q, &row));
    bool older =
        row && (item->issued < column_int(q, 0) || item->evaluation < (uint64_t)column_int(q, 1));
    store_reset(q);
    return older ? FAIL(UPSTREAM, "this collateral is older than what was seen before") : OK;
}

fallible tcs_store_newest_date(struct store *s, int64_t *out)
{
    struct statement *q;
    bool row;
    TRY(store_query(s, "SELECT COALESCE(MAX(issued), 0) FROM newest", &q));
    TRY(store_step(q, &row));
    *out = row ? column_int(q, 0) : 0;
    store_reset(q);
    return OK;
}

fallible tcs_store_note_date(struct store *s, int64_t date)
{
    return save_newest(s, CLOCK_KEY, date, 0);
}

static fallible take_listed(struct statement *q, tcs_listing *visit, void *context)
{
    struct tcs_listed row = { .issued = column_int(q, 1),
                              .next_update = column_int(q, 2),
                              .fetched_at = column_int(q, 3),
                              .evaluation = (uint64_t)column_int(q, 4) };
    if (failed(tcs_id_parse(column_text(q, 0), &row.id)))
        return OK;
    return visit(&row, context);
}

fallible tcs_store_list(struct store *s, tcs_listing *visit, void *context)
{
    struct statement *q;
    struct err e = OK;
    TRY(store_query(s,
                    "SELECT key, issued, next_update, fetched_at, evaluation FROM collateral"
                    " ORDER BY next_update, key LIMIT 4096",
                    &q));
    for (bool row = true; row && !failed(e);) {
        e = store_step(q, &row);
        if (!failed(e) && row)
            e = take_listed(q, visit, context);
    }
    store_reset(q);
    return e;
}
