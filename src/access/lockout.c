// SPDX-License-Identifier: Apache-2.0
#include "access/lockout.h"

#include <pthread.h>

#include "access/name_internal.h"
#include "base/writer.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define IN_FLIGHT_WAIT 1 /* seconds, told to the attempt that would be one too many at once */
#define NAME_HASHED_MAX 1024

struct entry {
    uint8_t name[SHA256_SIZE];
    bool used;
    unsigned failures, in_flight;
    int64_t first, last, locked_until;
};

struct lockout {
    pthread_mutex_t lock;
    struct lockout_rule rule;
    struct secret *key;
    size_t count;
    struct entry entries[LOCKOUT_NAMES_MAX];
};

fallible lockout_new(struct lockout_rule rule, struct lockout **out)
{
    struct secret *key owned(secret_free) = NULL;

    if (!rule.attempts || !rule.window || !rule.duration)
        return FAIL(LIMIT, "lock-out: attempts, window and duration are at least 1");
    TRY(random_secret(SHA256_SIZE, &key));
    struct lockout *l = calloc(1, sizeof(*l));
    if (!l)
        return FAIL(SYSTEM, "memory for the lock-out");
    pthread_mutex_init(&l->lock, NULL);
    l->rule = rule;
    l->key = TAKE(key);
    *out = l;
    return OK;
}

void lockout_free(struct lockout *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    secret_free(l->key);
    free(l);
}

static fallible hash_name(const struct lockout *l, struct span tenant, struct span name,
                          uint8_t out[SHA256_SIZE])
{
    struct buf text owned(buf_done) = buf_of(2 * NAME_HASHED_MAX);
    struct span head = span_head(name, NAME_HASHED_MAX);

    write_part(&text, span_head(tenant, NAME_HASHED_MAX / 2));
    for (size_t i = 0; i < head.len; i++)
        buf_add_u8(&text, (uint8_t)name_lower((char)head.at[i]));
    TRY(buf_check(&text));
    return hmac_sha256(l->key, buf_span(&text), out);
}

static struct entry *find(struct lockout *l, const uint8_t name[SHA256_SIZE])
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->entries[i].used && !memcmp(l->entries[i].name, name, SHA256_SIZE))
            return &l->entries[i];
    }
    return NULL;
}

/* Which of two goes first when room is needed: not locked before locked, then the quieter. */
static bool goes_before(const struct entry *a, const struct entry *b, int64_t now)
{
    bool a_locked = a->locked_until > now, b_locked = b->locked_until > now;

    return a_locked != b_locked ? b_locked : a->last < b->last;
}

static struct entry *make_room(struct lockout *l, int64_t now)
{
    struct entry *victim = NULL;

    if (l->count < LOCKOUT_NAMES_MAX)
        return &l->entries[l->count++];
    for (size_t i = 0; i < l->count; i++) {
        struct entry *e = &l->entries[i];
        if (!e->used)
            return e;
        if (!e->in_flight && (!victim || goes_before(e, victim, now)))
            victim = e;
    }
    return victim;
}

static void expire(const struct lockout *l, struct entry *e, int64_t now)
{
    bool lock_over = e->locked_until && e->locked_until <= now;
    bool window_over = !e->locked_until && e->first + l->rule.window <= now;

    if (lock_over || window_over)
        e->failures = 0, e->locked_until = 0;
}

static unsigned enter_locked(struct lockout *l, const uint8_t name[SHA256_SIZE], int64_t now)
{
    struct entry *e = find(l, name);

    if (!e) {
        e = make_room(l, now);
        if (!e)
            return IN_FLIGHT_WAIT;
        *e = (struct entry){ .used = true };
        memcpy(e->name, name, SHA256_SIZE);
    }
    expire(l, e, now);
    if (e->locked_until > now)
        return (unsigned)(e->locked_until - now);
    if (e->failures + e->in_flight >= l->rule.attempts)
        return IN_FLIGHT_WAIT;
    e->in_flight++;
    e->last = now;
    return 0;
}

fallible lockout_enter(struct lockout *l, struct span tenant, struct span name, int64_t now,
                       unsigned *wait)
{
    uint8_t hash[SHA256_SIZE];

    TRY(hash_name(l, tenant, name, hash));
    pthread_mutex_lock(&l->lock);
    *wait = enter_locked(l, hash, now);
    pthread_mutex_unlock(&l->lock);
    return OK;
}

static void count_failure(const struct lockout *l, struct entry *e, int64_t now)
{
    if (!e->failures)
        e->first = now;
    if (++e->failures >= l->rule.attempts)
        e->locked_until = now + l->rule.duration;
}

static void leave_locked(struct lockout *l, struct entry *e, int64_t now,
                         enum lockout_result result)
{
    if (e->in_flight)
        e->in_flight--;
    switch (result) {
    case LOCKOUT_GOOD:
        e->failures = 0;
        break;
    case LOCKOUT_FAILED:
        count_failure(l, e, now);
        break;
    case LOCKOUT_UNDECIDED:
        break;
    }
    e->used = e->failures || e->in_flight;
}

void lockout_leave(struct lockout *l, struct span tenant, struct span name, int64_t now,
                   enum lockout_result result)
{
    uint8_t hash[SHA256_SIZE];

    if (failed(hash_name(l, tenant, name, hash)))
        return; /* stays in flight: denies, never grants */
    pthread_mutex_lock(&l->lock);
    struct entry *e = find(l, hash);
    if (e)
        leave_locked(l, e, now, result);
    pthread_mutex_unlock(&l->lock);
}
