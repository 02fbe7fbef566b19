// SPDX-License-Identifier: Apache-2.0
/*
 * A new master key, and all keys sealed anew under it, some in a transaction. Both master keys are
 * in the store until no key is under the old one, and each key's row names its own, so that
 * whenever this ends, even between two transactions, every key opens and the rest is done later.
 */
#include "crypto/aead.h"
#include "crypto/random.h"
#include "keys/embedded_internal.h"

#define BATCH 32

struct stale {
    struct buf tenant, id, sealed;
    uint64_t version, master;
};
static void stale_donep(struct stale *s)
{
    buf_done(&s->tenant);
    buf_done(&s->id);
    buf_done(&s->sealed);
}

/* The next key after the last one that could not be read; *found false: there is none. */
static fallible next_stale(struct embedded *e, uint64_t newest, struct stale *out, bool *found)
{
    struct statement *q;

    TRY(store_query(e->store,
                    "SELECT tenant, id, version, master_version, sealed FROM material"
                    " WHERE master_version < ?1 AND (tenant, id, version) > (?2, ?3, ?4)"
                    " ORDER BY tenant, id, version LIMIT 1",
                    &q));
    bind_int(q, 1, (int64_t)newest);
    bind_text(q, 2, e->cursor[0].len ? buf_span(&e->cursor[0]) : SPAN(""));
    bind_text(q, 3, e->cursor[1].len ? buf_span(&e->cursor[1]) : SPAN(""));
    bind_int(q, 4, (int64_t)e->cursor_version);
    TRY(store_step(q, found));
    if (*found) {
        buf_add(&out->tenant, column_text(q, 0));
        buf_add(&out->id, column_text(q, 1));
        out->version = (uint64_t)column_int(q, 2);
        out->master = (uint64_t)column_int(q, 3);
        buf_add(&out->sealed, column_blob(q, 4));
    }
    store_reset(q);
    TRY(buf_check(&out->tenant));
    TRY(buf_check(&out->id));
    return buf_check(&out->sealed);
}

static fallible open_stale(const struct embedded *e, const struct stale *s, struct span associated,
                           struct secret **out)
{
    for (size_t i = 0; i < e->ring.count; i++)
        if (e->ring.masters[i].version == s->master)
            return aead_open(e->ring.masters[i].key, associated, buf_span(&s->sealed), out);
    return FAIL(DENIED, "the key is sealed under a master key that is not there");
}

static fallible update(struct embedded *e, const struct stale *s, uint64_t newest,
                       struct span sealed)
{
    struct statement *q;

    TRY(store_query(e->store,
                    "UPDATE material SET sealed = ?4, master_version = ?5"
                    " WHERE tenant = ?1 AND id = ?2 AND version = ?3",
                    &q));
    bind_text(q, 1, buf_span(&s->tenant));
    bind_text(q, 2, buf_span(&s->id));
    bind_int(q, 3, (int64_t)s->version);
    bind_blob(q, 4, sealed);
    bind_int(q, 5, (int64_t)newest);
    return store_run(q);
}

/* One that was changed in the store stays as it is, with its master key, for who may know better.
 */
static void pass_over(struct embedded *e, const struct stale *s)
{
    buf_clear(&e->cursor[0]);
    buf_clear(&e->cursor[1]);
    buf_add(&e->cursor[0], buf_span(&s->tenant));
    buf_add(&e->cursor[1], buf_span(&s->id));
    e->cursor_version = s->version;
    e->unreadable++;
}

static fallible rewrap_one(struct embedded *e, const struct master *newest, bool *found)
{
    struct stale s owned(stale_done) = { buf_of(KEY_REFERENCE_MAX), buf_of(KEY_REFERENCE_MAX),
                                         buf_of(SEALED_MAX), 0, 0 };
    struct buf associated owned(buf_done) = buf_of(ASSOCIATED_MAX),
                          sealed owned(buf_done) = buf_of(SEALED_MAX);
    struct secret *material owned(secret_free) = NULL;

    TRY(next_stale(e, newest->version, &s, found));
    if (!*found)
        return OK;
    const struct key_ref ref = { buf_span(&s.tenant), buf_span(&s.id), s.version, { 0 } };
    embedded_associated(&ref, &associated);
    TRY(buf_check(&associated));
    struct err e_open = open_stale(e, &s, buf_span(&associated), &material);
    if (e_open.kind == FAIL_DENIED) {
        pass_over(e, &s);
        return OK;
    }
    TRY(e_open);
    TRY(aead_seal(newest->key, buf_span(&associated), material, &sealed));
    return update(e, &s, newest->version, buf_span(&sealed));
}

static fallible rewrap_some(struct embedded *e, bool *more)
{
    struct embedded *using owned(embedded_used) = embedded_use(e);
    struct store *guard owned(store_guard) = store_guarded(e->store);
    const struct master *newest = &using->ring.masters[using->ring.count - 1];

    TRY(store_begin(guard));
    *more = true;
    for (unsigned i = 0; i < BATCH && *more; i++)
        TRY(rewrap_one(e, newest, more));
    return store_commit(guard);
}

/* The old one goes where no key is under it any more. */
static fallible drop_old(struct embedded *e)
{
    struct statement *q;
    bool dropped = false;

    {
        struct embedded *using owned(embedded_used) = embedded_use(e);
        struct store *guard owned(store_guard) = store_guarded(e->store);
        TRY(store_query(guard,
                        "DELETE FROM masters WHERE version = ?1 AND NOT EXISTS"
                        " (SELECT 1 FROM material WHERE master_version = ?1)",
                        &q));
        bind_int(q, 1, (int64_t) using->ring.masters[0].version);
        TRY(store_run(q));
        dropped = store_changes(guard) == 1;
    }
    if (!dropped)
        return OK;
    pthread_rwlock_wrlock(&e->use);
    secret_free(e->ring.masters[0].key);
    e->ring.masters[0] = e->ring.masters[1];
    e->ring.masters[1] = (struct master){ 0 };
    e->ring.count = 1;
    pthread_rwlock_unlock(&e->use);
    return OK;
}

fallible embedded_rewrap(struct embedded *e, bool *more)
{
    *more = false;
    if (e->ring.count < 2)
        return OK;
    TRY(rewrap_some(e, more));
    return *more ? OK : drop_old(e);
}

/* In the store first: a ring that knows a master key which the store lost would seal keys that
 * nobody opens. */
static fallible add_master(struct embedded *e, struct master *made)
{
    struct store *guard owned(store_guard) = store_guarded(e->store);
    struct keyring both = e->ring;

    both.masters[both.count++] = *made;
    TRY(store_begin(guard));
    TRY(seal_record_write(guard, &e->record, &both));
    TRY(store_commit(guard));
    e->ring = both;
    return OK;
}

fallible embedded_rotate(struct embedded *e)
{
    struct master made = { 0 };

    if (e->ring.count > 1)
        return FAIL(CONFLICT, "the last rotation is not finished yet, or keys that cannot be read "
                              "are still under the old master key");
    TRY(random_secret(AEAD_KEY_SIZE, &made.key));
    made.version = e->ring.masters[0].version + 1;
    pthread_rwlock_wrlock(&e->use); /* no key is sealed under the old one after this */
    struct err err = add_master(e, &made);
    pthread_rwlock_unlock(&e->use);
    if (failed(err))
        secret_free(made.key);
    e->unreadable = 0;
    buf_clear(&e->cursor[0]);
    buf_clear(&e->cursor[1]);
    e->cursor_version = 0;
    return err;
}

fallible embedded_left(struct embedded *e, int64_t *keys, int64_t *left)
{
    struct store *guard owned(store_guard) = store_guarded(e->store);
    struct statement *q;
    bool row;

    TRY(store_query(guard,
                    "SELECT count(*), (SELECT count(*) FROM material WHERE master_version <"
                    " (SELECT max(version) FROM masters)) FROM material",
                    &q));
    TRY(store_step(q, &row));
    if (row) {
        *keys = column_int(q, 0);
        *left = column_int(q, 1);
    }
    store_reset(q);
    return OK;
}
