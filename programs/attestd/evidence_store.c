// SPDX-License-Identifier: Apache-2.0
#include "attestd/evidence_store.h"

#include "base/clock.h"

struct evidence_store {
    struct store *store;
    struct evidence_limits limits;
};

/* `seq` orders what came in one second; sizes stand before what is large, so that counting them
 * reads none of it. */
static const struct migration migrations[] = {
    { 1, "CREATE TABLE evidence (id TEXT PRIMARY KEY, tenant TEXT NOT NULL,"
         " seq BIGINT NOT NULL, at BIGINT NOT NULL, refusal BIGINT NOT NULL,"
         " size BIGINT NOT NULL, form BIGINT NOT NULL, collateral TEXT NOT NULL,"
         " media_type TEXT NOT NULL, runtime_data TEXT NOT NULL, body BLOB NOT NULL);"
         "CREATE INDEX evidence_order ON evidence (refusal, seq);"
         "CREATE INDEX evidence_tenant ON evidence (tenant, seq);"
         "CREATE TABLE collateral_set (digest TEXT PRIMARY KEY, used_at BIGINT NOT NULL,"
         " body BLOB NOT NULL)" },
};

fallible evidence_store_open(const char *url, const struct evidence_limits *limits,
                             struct evidence_store **out)
{
    owned(evidence_store_close) struct evidence_store *s = calloc(1, sizeof(*s));
    if (!s)
        return FAIL(SYSTEM, "memory for kept evidence");
    s->limits = *limits;
    TRY(store_open(url, &s->store));
    TRY(store_migrate(s->store, migrations, sizeof(migrations) / sizeof(migrations[0])));
    *out = TAKE(s);
    return OK;
}

void evidence_store_close(struct evidence_store *s)
{
    if (!s)
        return;
    store_close(s->store);
    free(s);
}

static size_t size_of(const struct evidence_row *r)
{
    return r->evidence.len + r->runtime_data.len + r->media_type.len;
}

static fallible insert(struct store *s, const struct evidence_row *r, int64_t seq)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO evidence (id, tenant, seq, at, refusal, size, form, collateral,"
                    " media_type, runtime_data, body)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                    " ON CONFLICT (id) DO NOTHING",
                    &q));
    bind_text(q, 1, r->id);
    bind_text(q, 2, r->tenant);
    bind_int(q, 3, seq);
    bind_int(q, 4, r->at);
    bind_int(q, 5, r->refusal);
    bind_int(q, 6, (int64_t)size_of(r));
    bind_int(q, 7, (int64_t)r->form);
    bind_text(q, 8, r->collateral);
    bind_text(q, 9, r->media_type);
    bind_text(q, 10, r->runtime_data);
    bind_blob(q, 11, r->evidence);
    return store_run(q);
}

static fallible note_use(struct store *s, struct span digest, int64_t now)
{
    struct statement *q;
    if (!digest.len)
        return OK;
    TRY(store_query(s, "UPDATE collateral_set SET used_at = ?2 WHERE digest = ?1 AND used_at < ?2",
                    &q));
    bind_text(q, 1, digest);
    bind_int(q, 2, now);
    return store_run(q);
}

static fallible drop_old(struct store *s, int64_t before)
{
    struct statement *q;
    TRY(store_query(s, "DELETE FROM evidence WHERE at < ?1", &q));
    bind_int(q, 1, before);
    TRY(store_run(q));
    TRY(store_query(s, "DELETE FROM collateral_set WHERE used_at < ?1", &q));
    bind_int(q, 1, before);
    return store_run(q);
}

static fallible drop_over(struct store *s, bool refusal, const struct evidence_limits *l)
{
    struct statement *q;
    TRY(store_query(s,
                    "DELETE FROM evidence WHERE refusal = ?1 AND seq <= (SELECT seq FROM evidence"
                    " WHERE refusal = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
                    &q));
    bind_int(q, 1, refusal);
    bind_int(q, 2, l->count);
    TRY(store_run(q));
    TRY(store_query(s,
                    "DELETE FROM evidence WHERE refusal = ?1 AND seq <= (SELECT MAX(seq) FROM"
                    " (SELECT seq, SUM(size) OVER (ORDER BY seq DESC) AS room FROM evidence"
                    " WHERE refusal = ?1) AS newest WHERE room > ?2)",
                    &q));
    bind_int(q, 1, refusal);
    bind_int(q, 2, l->bytes / 2);
    return store_run(q);
}

static fallible drop_sets(struct store *s)
{
    struct statement *q;
    TRY(store_query(s,
                    "DELETE FROM collateral_set WHERE digest NOT IN (SELECT digest FROM"
                    " collateral_set ORDER BY used_at DESC, digest LIMIT ?1)",
                    &q));
    bind_int(q, 1, EVIDENCE_SETS_MAX);
    return store_run(q);
}

static fallible add_all(struct evidence_store *s, const struct evidence_row *rows, size_t count,
                        int64_t now)
{
    int64_t seq = clock_now_us();
    for (size_t i = 0; i < count; i++) {
        TRY(insert(s->store, &rows[i], seq + (int64_t)i));
        TRY(note_use(s->store, rows[i].collateral, now));
    }
    TRY(drop_old(s->store, now - s->limits.seconds));
    TRY(drop_over(s->store, false, &s->limits));
    return drop_over(s->store, true, &s->limits);
}

fallible evidence_store_add(struct evidence_store *s, const struct evidence_row *rows, size_t count,
                            int64_t now)
{
    store_lock(s->store);
    struct err e = store_begin(s->store);
    if (!failed(e))
        e = add_all(s, rows, count, now);
    if (!failed(e))
        e = store_commit(s->store);
    if (failed(e))
        store_rollback(s->store);
    store_unlock(s->store);
    return e;
}

static fallible put_set(struct store *s, struct span digest, struct span body, int64_t now)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO collateral_set (digest, used_at, body) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (digest) DO UPDATE SET used_at = ?2",
                    &q));
    bind_text(q, 1, digest);
    bind_int(q, 2, now);
    bind_blob(q, 3, body);
    TRY(store_run(q));
    return drop_sets(s);
}

fallible evidence_store_collateral(struct evidence_store *s, struct span digest, struct span body,
                                   int64_t now)
{
    store_lock(s->store);
    struct err e = store_begin(s->store);
    if (!failed(e))
        e = put_set(s->store, digest, body, now);
    if (!failed(e))
        e = store_commit(s->store);
    if (failed(e))
        store_rollback(s->store);
    store_unlock(s->store);
    return e;
}

void evidence_kept_done(struct evidence_kept *k)
{
    buf_done(&k->media_type);
    buf_done(&k->evidence);
    buf_done(&k->runtime_data);
    buf_done(&k->collateral_digest);
    buf_done(&k->collateral);
}

static struct evidence_kept kept_of(void)
{
    return (struct evidence_kept){ .media_type = buf_of(REQUEST_BODY_MAX),
                                   .evidence = buf_of(REQUEST_BODY_MAX),
                                   .runtime_data = buf_of(REQUEST_BODY_MAX),
                                   .collateral_digest = buf_of(256),
                                   .collateral = buf_of(IPC_BODY_MAX) };
}

static fallible read_row(struct evidence_store *s, struct span tenant, struct span id, int64_t now,
                         struct evidence_kept *k)
{
    struct statement *q;
    bool row;
    TRY(store_query(s->store,
                    "SELECT at, form, media_type, runtime_data, body, collateral FROM evidence"
                    " WHERE tenant = ?1 AND id = ?2 AND at >= ?3",
                    &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    bind_int(q, 3, now - s->limits.seconds);
    TRY(store_step(q, &row));
    if (!row)
        return FAIL(ABSENT, "the evidence of this decision is not kept: it was dropped, or the "
                            "service keeps none");
    int64_t form = column_int(q, 1);
    k->at = column_int(q, 0);
    k->form = (enum evidence_form)form;
    buf_add(&k->media_type, column_text(q, 2));
    buf_add(&k->runtime_data, column_text(q, 3));
    buf_add(&k->evidence, column_blob(q, 4));
    buf_add(&k->collateral_digest, column_text(q, 5));
    store_reset(q);
    TRY(buf_check(&k->media_type));
    TRY(buf_check(&k->runtime_data));
    TRY(buf_check(&k->evidence));
    TRY(buf_check(&k->collateral_digest));
    return form >= EVIDENCE_RECORD && form <= EVIDENCE_BASE64
               ? OK
               : FAIL(SYSTEM, "kept evidence of an unknown form");
}

static fallible read_set(struct store *s, struct span digest, struct buf *out)
{
    struct statement *q;
    bool row;
    TRY(store_query(s, "SELECT body FROM collateral_set WHERE digest = ?1", &q));
    bind_text(q, 1, digest);
    TRY(store_step(q, &row));
    if (!row)
        return OK;
    buf_add(out, column_blob(q, 0));
    store_reset(q);
    return buf_check(out);
}

fallible evidence_store_find(struct evidence_store *s, struct span tenant, struct span id,
                             int64_t now, struct evidence_kept *out)
{
    struct evidence_kept k owned(evidence_kept_done) = kept_of();
    store_lock(s->store);
    struct err e = read_row(s, tenant, id, now, &k);
    if (!failed(e))
        e = read_set(s->store, buf_span(&k.collateral_digest), &k.collateral);
    store_unlock(s->store);
    TRY(e);
    *out = k;
    k = (struct evidence_kept){ 0 };
    return OK;
}

static fallible list_rows(struct evidence_store *s, struct span tenant, int64_t now, json_t *list)
{
    struct statement *q;
    char when[CLOCK_TEXT_MAX];
    TRY(store_query(s->store,
                    "SELECT id, at, refusal FROM evidence WHERE tenant = ?1 AND at >= ?2"
                    " ORDER BY seq DESC",
                    &q));
    bind_text(q, 1, tenant);
    bind_int(q, 2, now - s->limits.seconds);
    for (bool row = true; row;) {
        TRY(store_step(q, &row));
        if (!row)
            break;
        json_t *one = json_object();
        json_set_span(one, "id", column_text(q, 0));
        json_set_str(one, "time", clock_format(column_int(q, 1), when));
        json_set_str(one, "verdict", column_int(q, 2) ? "refused" : "verified");
        json_array_append_new(list, one);
    }
    return OK;
}

fallible evidence_store_list(struct evidence_store *s, struct span tenant, int64_t now,
                             json_t **out)
{
    owned(json_free) json_t *list = json_array();
    store_lock(s->store);
    struct err e = list_rows(s, tenant, now, list);
    store_unlock(s->store);
    TRY(e);
    *out = TAKE(list);
    return OK;
}
