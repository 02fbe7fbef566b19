// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_cache.h"

#include <pthread.h>

#include "base/log.h"

#define WAIT_ROUNDS_MAX 4

struct entry {
    char key[TCS_KEY_MAX];
    bool has_item;
    struct tcs_item item;
    struct tcs_item untrusted; /* with last.kind FAIL_DENIED */
    int64_t fetched_at;        /* also by an earlier run */
    unsigned fetches;          /* that have ended */
    bool fetching, outdated;   /* outdated: the store has another by now */
    struct err last;           /* of the last fetch */
    unsigned failures;
    int64_t retry_at;
    uint64_t used;
    unsigned waiting;
};

struct tcs_cache {
    struct tcs_source source;
    struct store *store;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct entry *entries[TCS_ENTRIES_MAX];
    size_t count;
    uint64_t uses;
    int64_t newest_date; /* of anything signed that was ever seen */
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

fallible tcs_cache_new(const struct tcs_source *source, struct store *store, struct tcs_cache **out)
{
    int64_t newest;
    TRY(tcs_store_migrate(store));
    TRY(tcs_store_newest_date(store, &newest));
    struct tcs_cache *c = calloc(1, sizeof(*c));
    if (!c)
        return FAIL(SYSTEM, "memory for the cache");
    c->source = *source;
    c->store = store;
    c->newest_date = newest;
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

/* What the store has. */
static fallible entry_load(struct tcs_cache *c, struct entry *e)
{
    store_lock(c->store);
    struct err stored = tcs_store_load(c->store, e->key, &e->item, &e->fetched_at);
    store_unlock(c->store);
    if (failed(stored) && stored.kind != FAIL_ABSENT)
        return stored;
    e->has_item = !failed(stored);
    e->outdated = false;
    return OK;
}

static fallible entry_find(struct tcs_cache *c, const struct tcs_id *id, struct entry **out)
{
    char key[TCS_KEY_MAX];
    tcs_id_key(id, key);
    for (size_t i = 0; i < c->count; i++)
        if (!strcmp(c->entries[i]->key, key)) {
            c->entries[i]->used = ++c->uses;
            *out = c->entries[i];
            return c->entries[i]->outdated ? entry_load(c, c->entries[i]) : OK;
        }
    TRY(make_room(c));
    owned(entry_free) struct entry *e = calloc(1, sizeof(*e));
    if (!e)
        return FAIL(SYSTEM, "memory for the cache");
    memcpy(e->key, key, sizeof(key));
    e->item = tcs_item_of();
    e->untrusted = tcs_item_of();
    e->used = ++c->uses;
    TRY(entry_load(c, e));
    *out = c->entries[c->count++] = TAKE(e);
    return OK;
}

static bool is_offline(const struct tcs_cache *c, const struct tcs_id *id)
{
    return !c->source.count(c->source.context, id);
}

/* One call for a thing. */
struct asking {
    const struct tcs_id *id;
    int64_t now;
    unsigned fetches; /* that had ended when it came */
};

/* Within its date; or past it, but an upstream has said during this very call that it has nothing
 * newer. */
static bool servable(const struct tcs_cache *c, const struct entry *e, const struct asking *a)
{
    if (!e->has_item)
        return false;
    bool latest = !failed(e->last) && e->fetches != a->fetches;
    return e->item.next_update >= a->now || latest || is_offline(c, a->id);
}

/* With the lock held. The store first: what is served has been kept. */
static fallible keep(struct tcs_cache *c, struct entry *e, const struct tcs_id *id,
                     struct tcs_item *next, int64_t now)
{
    if (c->source.roots && next->issued > now + TCS_CLOCK_SKEW) {
        c->newest_date = next->issued > c->newest_date ? next->issued : c->newest_date;
        TRY(tcs_store_note_date(c->store, next->issued));
        return FAIL(UPSTREAM, "collateral is dated ahead of this machine's clock");
    }
    TRY(tcs_store_check_newer(c->store, id, next));
    TRY(tcs_store_save(c->store, id, next, now, false));
    if (next->issued > c->newest_date)
        c->newest_date = next->issued;
    tcs_item_done(&e->item);
    e->item = *next;
    *next = tcs_item_of();
    e->has_item = true;
    e->fetched_at = now;
    return OK;
}

/* Without the lock. */
static fallible authenticate(struct tcs_cache *c, const struct tcs_id *id,
                             const struct tcs_item *item, int64_t now)
{
    struct tcs_item issuers owned(tcs_item_done) = tcs_item_of();
    if (!c->source.roots)
        return OK;
    if (id->kind == TCS_AMD_CRL || id->kind == TCS_VCEK) {
        struct tcs_id chain = { .kind = TCS_AMD_CHAIN, .product = id->product, .vlek = id->vlek };
        TRY(tcs_cache_get(c, &chain, now, &issuers));
    }
    return tcs_item_authenticate(id, item, c->source.roots, &issuers);
}

/* One upstream's answer, as far as it is good. */
static fallible fetch_one(struct tcs_cache *c, const struct tcs_id *id, size_t at, int64_t now,
                          struct tcs_item *next)
{
    TRY(c->source.fetch(c->source.context, at, id, next));
    TRY(tcs_item_check(id, next));
    return authenticate(c, id, next, now);
}

/* What is signed by nobody we trust is only good for saying so. */
static void keep_untrusted(struct entry *e, struct tcs_item *next)
{
    if (!next->body.len)
        return;
    tcs_item_done(&e->untrusted);
    e->untrusted = *next;
    e->untrusted.untrusted = true;
    *next = tcs_item_of();
}

static bool says_more(struct err a, struct err b)
{
    /* A refusal says more than an upstream that cannot say; that one more than one that has
     * nothing. */
    static const uint8_t weight[] = { [FAIL_ABSENT] = 1, [FAIL_UPSTREAM] = 2, [FAIL_DENIED] = 3 };
    size_t known = sizeof(weight);
    return (a.kind < known ? weight[a.kind] : 2) > (b.kind < known ? weight[b.kind] : 2);
}

/* In their order, until one has a good one. With the lock held; it is let go while they are asked.
 */
static struct err ask_all(struct tcs_cache *c, struct entry *e, const struct tcs_id *id,
                          int64_t now)
{
    struct err result = FAIL(ABSENT, "no upstream has such collateral");
    size_t count = c->source.count(c->source.context, id);
    for (size_t at = 0; at < count; at++) {
        struct tcs_item next owned(tcs_item_done) = tcs_item_of();
        pthread_mutex_unlock(&c->lock);
        struct err one = fetch_one(c, id, at, now, &next);
        pthread_mutex_lock(&c->lock);
        if (!failed(one)) {
            store_lock(c->store);
            one = keep(c, e, id, &next, now);
            store_unlock(c->store);
        }
        if (!failed(one))
            return OK;
        if (one.kind == FAIL_DENIED)
            keep_untrusted(e, &next);
        if (!at || says_more(one, result))
            result = one;
    }
    return result;
}

static int64_t pause_after(const struct entry *e)
{
    if (e->last.kind == FAIL_ABSENT)
        return TCS_ABSENT_SECONDS;
    return e->failures < 6 ? 1 << e->failures : TCS_RETRY_MAX;
}

/* A chip or a family that nobody has vouched for. */
static bool is_refused(const struct tcs_cache *c, const struct entry *e, const struct tcs_id *id)
{
    return !e->has_item && (id->kind == TCS_VCEK || id->kind == TCS_TCB_INFO) && c->source.admit &&
           !c->source.admit(c->source.context);
}

static void fetch(struct tcs_cache *c, struct entry *e, const struct tcs_id *id, int64_t now)
{
    if (is_refused(c, e, id)) {
        e->last = FAIL(UPSTREAM, "too many unknown platforms are asked for: try again");
        e->retry_at = now + 1;
        return;
    }
    e->fetching = true;
    e->last = ask_all(c, e, id, now);
    e->fetching = false;
    e->fetches++;
    e->failures = failed(e->last) ? e->failures + 1 : 0;
    e->retry_at = failed(e->last) ? now + pause_after(e) : 0;
    c->failing = failed(e->last) && e->last.kind != FAIL_ABSENT;
    pthread_cond_broadcast(&c->changed);
}

static bool is_due(const struct tcs_cache *c, const struct entry *e, const struct asking *a)
{
    return !servable(c, e, a) ||
           (!tcs_item_is_certificate(a->id) && a->now - e->fetched_at >= c->source.refresh_seconds);
}

static fallible entry_get(struct tcs_cache *c, struct entry *e, const struct asking *a,
                          struct tcs_item *out)
{
    bool offline = is_offline(c, a->id);
    if (is_due(c, e, a) && !e->fetching && a->now >= e->retry_at && !offline)
        fetch(c, e, a->id, a->now);
    /* Who has something to serve does not wait for a fetch of somebody else. */
    for (int round = 0; !servable(c, e, a) && e->fetching && round < WAIT_ROUNDS_MAX; round++) {
        e->waiting++;
        while (e->fetching)
            pthread_cond_wait(&c->changed, &c->lock);
        e->waiting--;
    }
    if (servable(c, e, a))
        return tcs_item_copy(&e->item, out);
    if (e->last.kind == FAIL_DENIED && e->untrusted.body.len)
        return tcs_item_copy(&e->untrusted, out);
    if (offline)
        return FAIL(ABSENT, "nothing of that name was brought in");
    return failed(e->last) ? e->last : FAIL(UPSTREAM, "collateral is past its date");
}

static struct err clock_fault(const struct tcs_cache *c, int64_t now)
{
    return now + TCS_CLOCK_SKEW < c->newest_date
               ? FAIL(UPSTREAM, "this machine's clock is behind dates that were signed before")
               : OK;
}

fallible tcs_cache_check_clock(struct tcs_cache *c, int64_t now)
{
    pthread_mutex_lock(&c->lock);
    struct err result = clock_fault(c, now);
    pthread_mutex_unlock(&c->lock);
    return result;
}

fallible tcs_cache_get(struct tcs_cache *c, const struct tcs_id *id, int64_t now,
                       struct tcs_item *out)
{
    struct entry *e = NULL;
    pthread_mutex_lock(&c->lock);
    struct err result = clock_fault(c, now);
    if (!failed(result))
        result = entry_find(c, id, &e);
    if (!failed(result))
        result =
            entry_get(c, e, &(struct asking){ .id = id, .now = now, .fetches = e->fetches }, out);
    pthread_mutex_unlock(&c->lock);
    return result;
}

fallible tcs_cache_renew(struct tcs_cache *c, const struct tcs_id *id, int64_t now)
{
    struct entry *e = NULL;
    pthread_mutex_lock(&c->lock);
    struct err result = clock_fault(c, now);
    if (!failed(result) && is_offline(c, id))
        result = FAIL(UPSTREAM, "no upstream is configured for this");
    if (!failed(result))
        result = entry_find(c, id, &e);
    if (!failed(result)) {
        if (!e->fetching)
            fetch(c, e, id, now);
        result = e->last;
    }
    pthread_mutex_unlock(&c->lock);
    return result;
}

static void drop_gone(struct tcs_cache *c, struct entry *e, int64_t now)
{
    if (e->last.kind != FAIL_ABSENT || e->item.next_update >= now)
        return;
    store_lock(c->store);
    struct err dropped = tcs_store_drop(c->store, e->key);
    store_unlock(c->store);
    e->has_item = failed(dropped);
    log_info("collateral that no upstream has any more is dropped", "item", e->key);
}

void tcs_cache_refresh(struct tcs_cache *c, const struct tcs_id *id, int64_t now)
{
    struct entry *e = NULL;
    pthread_mutex_lock(&c->lock);
    struct err result = clock_fault(c, now);
    if (!failed(result))
        result = entry_find(c, id, &e);
    if (!failed(result) && !e->fetching && now >= e->retry_at && !is_offline(c, id)) {
        int64_t before = e->item.issued;
        fetch(c, e, id, now);
        result = e->last;
        if (!failed(result) && e->item.issued != before)
            log_info("collateral renewed", "item", e->key);
        if (e->has_item)
            drop_gone(c, e, now);
    }
    if (failed(result))
        log_err(result, "collateral cannot be refreshed", "item", e ? e->key : NULL);
    pthread_mutex_unlock(&c->lock);
}

bool tcs_cache_failing(struct tcs_cache *c)
{
    pthread_mutex_lock(&c->lock);
    bool failing = c->failing;
    pthread_mutex_unlock(&c->lock);
    return failing;
}

fallible tcs_cache_reload(struct tcs_cache *c)
{
    int64_t newest;
    store_lock(c->store);
    struct err e = tcs_store_newest_date(c->store, &newest);
    store_unlock(c->store);
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->count; i++)
        c->entries[i]->outdated = true;
    if (!failed(e) && newest > c->newest_date)
        c->newest_date = newest;
    pthread_mutex_unlock(&c->lock);
    return e;
}

struct store *tcs_cache_store(struct tcs_cache *c)
{
    return c->store;
}

const struct tcs_source *tcs_cache_source(const struct tcs_cache *c)
{
    return &c->source;
}
