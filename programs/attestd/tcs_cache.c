// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_cache.h"

#include <pthread.h>

#include "attestd/tcs_store.h"
#include "base/clock.h"

#define WAIT_ROUNDS_MAX 4

struct entry {
    char key[TCS_KEY_MAX];
    bool has_item;
    struct tcs_item item;
    struct tcs_item untrusted; /* with last.kind FAIL_DENIED */
    int64_t fetched_at;        /* also by an earlier run */
    int64_t asked_at;          /* by this one; 0: never */
    bool fetching;
    struct err last; /* of the last fetch */
    int64_t retry_at;
    uint64_t used;
    unsigned waiting;
};

struct tcs_cache {
    struct tcs_upstream upstream;
    struct store *store;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct entry *entries[TCS_ENTRIES_MAX];
    size_t count;
    uint64_t clock;
    bool failing;
};

static void entry_free(struct entry *e)
{
    if (!e)
        return;
    tcs_item_done(&e->item);
    tcs_item_done(&e->untrusted);
    free(e);
}
OWNED_TYPE(struct entry, entry_free)

fallible tcs_cache_new(const struct tcs_upstream *upstream, struct store *store,
                       struct tcs_cache **out)
{
    TRY(tcs_store_migrate(store));
    struct tcs_cache *c = calloc(1, sizeof(*c));
    if (!c)
        return FAIL(SYSTEM, "memory for the cache");
    c->upstream = *upstream;
    c->store = store;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    *out = c;
    return OK;
}

void tcs_cache_free(struct tcs_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        entry_free(c->entries[i]);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static bool is_idle(const struct entry *e)
{
    return !e->fetching && !e->waiting;
}

/* Room for one more: the longest unused entry goes; the store still has it. */
static fallible make_room(struct tcs_cache *c)
{
    size_t oldest = TCS_ENTRIES_MAX;
    if (c->count < TCS_ENTRIES_MAX)
        return OK;
    for (size_t i = 0; i < c->count; i++)
        if (is_idle(c->entries[i]) &&
            (oldest == TCS_ENTRIES_MAX || c->entries[i]->used < c->entries[oldest]->used))
            oldest = i;
    if (oldest == TCS_ENTRIES_MAX)
        return FAIL(UPSTREAM, "too many different things are asked for at once");
    entry_free(c->entries[oldest]);
    c->entries[oldest] = c->entries[--c->count];
    return OK;
}

static fallible entry_find(struct tcs_cache *c, const struct tcs_id *id, struct entry **out)
{
    char key[TCS_KEY_MAX];
    tcs_id_key(id, key);
    for (size_t i = 0; i < c->count; i++)
        if (!strcmp(c->entries[i]->key, key)) {
            c->entries[i]->used = ++c->clock;
            *out = c->entries[i];
            return OK;
        }
    TRY(make_room(c));
    owned(entry_free) struct entry *e = calloc(1, sizeof(*e));
    if (!e)
        return FAIL(SYSTEM, "memory for the cache");
    memcpy(e->key, key, sizeof(key));
    e->item = tcs_item_of();
    e->untrusted = tcs_item_of();
    e->used = ++c->clock;
    struct err stored = tcs_store_load(c->store, key, &e->item, &e->fetched_at);
    if (failed(stored) && stored.kind != FAIL_ABSENT)
        return stored;
    e->has_item = !failed(stored);
    *out = c->entries[c->count++] = TAKE(e);
    return OK;
}

/* Within its date; or past it, but the upstream has just said that it has nothing newer. */
static bool servable(const struct entry *e, int64_t now)
{
    if (!e->has_item)
        return false;
    bool latest = !failed(e->last) && e->asked_at && now - e->asked_at < TCS_RETRY_SECONDS;
    return e->item.next_update >= now || latest;
}

/* The store first: what is served has been kept. */
static fallible accept(struct tcs_cache *c, struct entry *e, struct tcs_item *next, int64_t now)
{
    if (e->has_item)
        TRY(tcs_item_succeeds(&e->item, next));
    TRY(tcs_store_save(c->store, e->key, next, now));
    tcs_item_done(&e->item);
    e->item = *next;
    *next = tcs_item_of();
    e->has_item = true;
    e->fetched_at = now;
    return OK;
}

/* With the lock held; it is let go while the upstream is asked. */
static void fetch(struct tcs_cache *c, struct entry *e, const struct tcs_id *id, int64_t now)
{
    struct tcs_item next owned(tcs_item_done) = tcs_item_of();
    e->fetching = true;
    pthread_mutex_unlock(&c->lock);
    struct err result = c->upstream.fetch(c->upstream.context, id, &next);
    if (!failed(result))
        result = tcs_item_check(id, &next);
    if (!failed(result) && c->upstream.roots)
        result = tcs_item_authenticate(id, &next, c->upstream.roots);
    pthread_mutex_lock(&c->lock);
    if (!failed(result))
        result = accept(c, e, &next, now);
    if (result.kind == FAIL_DENIED && next.body.len) {
        tcs_item_done(&e->untrusted);
        e->untrusted = next;
        e->untrusted.untrusted = true;
        next = tcs_item_of();
    }
    e->fetching = false;
    e->last = result;
    e->asked_at = now;
    e->retry_at = failed(result) ? now + TCS_RETRY_SECONDS : 0;
    c->failing = failed(result) && result.kind != FAIL_ABSENT;
    pthread_cond_broadcast(&c->changed);
}

static fallible entry_get(struct tcs_cache *c, struct entry *e, const struct tcs_id *id,
                          int64_t now, struct tcs_item *out)
{
    bool due = !servable(e, now) || now - e->fetched_at >= c->upstream.refresh_seconds;
    if (due && !e->fetching && now >= e->retry_at)
        fetch(c, e, id, now);
    /* Who has something to serve does not wait for a fetch of somebody else. */
    for (int round = 0; !servable(e, now) && e->fetching && round < WAIT_ROUNDS_MAX; round++) {
        e->waiting++;
        while (e->fetching)
            pthread_cond_wait(&c->changed, &c->lock);
        e->waiting--;
    }
    if (servable(e, now))
        return tcs_item_copy(&e->item, out);
    if (e->last.kind == FAIL_DENIED && e->untrusted.body.len)
        return tcs_item_copy(&e->untrusted, out);
    return failed(e->last) ? e->last : FAIL(UPSTREAM, "collateral is past its date");
}

fallible tcs_cache_get(struct tcs_cache *c, const struct tcs_id *id, int64_t now,
                       struct tcs_item *out)
{
    struct entry *e = NULL;
    pthread_mutex_lock(&c->lock);
    struct err result = entry_find(c, id, &e);
    if (!failed(result))
        result = entry_get(c, e, id, now, out);
    pthread_mutex_unlock(&c->lock);
    return result;
}

void tcs_cache_health(struct tcs_cache *c, struct tcs_health *out)
{
    struct tcs_health h = { 0 };
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->count; i++) {
        if (!c->entries[i]->has_item)
            continue;
        h.items++;
        int64_t end = c->entries[i]->item.next_update;
        if (!h.earliest_end || end < h.earliest_end)
            h.earliest_end = end;
    }
    h.upstream_failing = c->failing;
    pthread_mutex_unlock(&c->lock);
    *out = h;
}
