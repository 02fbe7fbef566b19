// SPDX-License-Identifier: Apache-2.0
#include "access/lockout.h"

#include "access/name_internal.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "store/rows.h"

#define IN_FLIGHT_WAIT 1 /* seconds, told to the attempt that would be one too many at once */
#define NAME_HASHED_MAX 1024
#define NAME_TEXT_SIZE (2 * SHA256_SIZE + 1)
#define LOCKS_MAX 30 /* how often the time doubles at most */

struct entry {
    char name[NAME_TEXT_SIZE];
    int64_t failures, in_flight, locks;
    int64_t first, last, locked_until;
};

struct lockout {
    struct store *store;
    struct lockout_rule rule;
    struct secret *key;
};

static fallible load_key(const char *path, struct secret **out)
{
    owned(secret_free) struct secret *key = NULL;

    if (!file_exists(path)) {
        TRY(random_secret(SHA256_SIZE, &key));
        TRY(secret_save(path, key));
        *out = TAKE(key);
        return OK;
    }
    TRY(secret_load(path, &key));
    if (secret_len(key) != SHA256_SIZE)
        return FAIL(INPUT, "lock-out: the key's file has not 32 bytes");
    *out = TAKE(key);
    return OK;
}

fallible lockout_new(struct store *s, const char *key_file, struct lockout_rule rule,
                     struct lockout **out)
{
    struct secret *key owned(secret_free) = NULL;

    if (!rule.attempts || !rule.window || !rule.duration || rule.longest < rule.duration)
        return FAIL(LIMIT,
                    "lock-out: attempts, window and duration are at least 1, and the longest "
                    "is no less than the duration");
    TRY(load_key(key_file, &key));
    struct lockout *l = calloc(1, sizeof(*l));
    if (!l)
        return FAIL(SYSTEM, "memory for the lock-out");
    *l = (struct lockout){ .store = s, .rule = rule, .key = TAKE(key) };
    *out = l;
    return OK;
}

void lockout_free(struct lockout *l)
{
    if (!l)
        return;
    secret_free(l->key);
    free(l);
}

static fallible hash_name(const struct lockout *l, struct span tenant, struct span name,
                          char out[NAME_TEXT_SIZE])
{
    struct buf text owned(buf_done) = buf_of(2 * NAME_HASHED_MAX);
    struct span head = span_head(name, NAME_HASHED_MAX);
    uint8_t hash[SHA256_SIZE];

    write_part(&text, span_head(tenant, NAME_HASHED_MAX / 2));
    for (size_t i = 0; i < head.len; i++)
        buf_add_u8(&text, (uint8_t)name_lower((char)head.at[i]));
    TRY(buf_check(&text));
    TRY(hmac_sha256(l->key, buf_span(&text), hash));
    hex_str(SPAN_OF(hash), out);
    return OK;
}

/* Absent: all zero but the name. */
static fallible read_entry(struct store *s, const char *name, struct entry *out, bool *found)
{
    struct statement *q;
    struct entry e = { 0 };

    TRY(store_query(s,
                    "SELECT failures, in_flight, locks, first_at, last_at, locked_until"
                    " FROM lockouts WHERE name = ?1",
                    &q));
    bind_str(q, 1, name);
    TRY(store_step(q, found));
    memcpy(e.name, name, NAME_TEXT_SIZE);
    if (*found) {
        e.failures = column_int(q, 0);
        e.in_flight = column_int(q, 1);
        e.locks = column_int(q, 2);
        e.first = column_int(q, 3);
        e.last = column_int(q, 4);
        e.locked_until = column_int(q, 5);
    }
    store_reset(q);
    *out = e;
    return OK;
}

static fallible remove_entry(struct store *s, const char *name)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM lockouts WHERE name = ?1", &q));
    bind_str(q, 1, name);
    return store_run(q);
}

static fallible write_entry(struct store *s, const struct entry *e)
{
    struct statement *q;

    TRY(remove_entry(s, e->name));
    TRY(store_query(s,
                    "INSERT INTO lockouts (name, failures, in_flight, locks, first_at, last_at,"
                    " locked_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    &q));
    bind_str(q, 1, e->name);
    bind_int(q, 2, e->failures);
    bind_int(q, 3, e->in_flight);
    bind_int(q, 4, e->locks);
    bind_int(q, 5, e->first);
    bind_int(q, 6, e->last);
    bind_int(q, 7, e->locked_until);
    return store_run(q);
}

/* *room false: every one of them is in flight. */
static fallible make_room(struct store *s, int64_t now, bool *room)
{
    struct statement *q;
    bool row;

    TRY(store_query(s, "SELECT COUNT(*) FROM lockouts", &q));
    TRY(store_step(q, &row));
    *room = row && column_int(q, 0) < LOCKOUT_NAMES_MAX;
    store_reset(q);
    if (*room)
        return OK;
    TRY(store_query(s,
                    "DELETE FROM lockouts WHERE name = (SELECT name FROM lockouts WHERE in_flight"
                    " = 0 OR last_at < ?2 ORDER BY CASE WHEN locked_until > ?1 THEN 1 ELSE 0 END,"
                    " last_at LIMIT 1)",
                    &q));
    bind_int(q, 1, now);
    bind_int(q, 2, now - LOCKOUT_STALE);
    TRY(store_run(q));
    *room = store_changes(s) > 0;
    return OK;
}

static int64_t lock_time(const struct lockout *l, int64_t locks)
{
    int64_t time = l->rule.duration;

    for (int64_t i = 1; i < locks && i < LOCKS_MAX && time < l->rule.longest; i++)
        time *= 2;
    return time < l->rule.longest ? time : l->rule.longest;
}

static void count_failure(const struct lockout *l, struct entry *e, int64_t now)
{
    if (!e->failures)
        e->first = now;
    if (++e->failures < l->rule.attempts)
        return;
    e->locks++;
    e->locked_until = now + lock_time(l, e->locks);
}

/* What was in flight when its process ended has failed. */
static void expire(const struct lockout *l, struct entry *e, int64_t now)
{
    while (e->in_flight && e->last + LOCKOUT_STALE < now) {
        e->in_flight--;
        count_failure(l, e, e->last);
    }
    if (e->last + 2 * (int64_t)l->rule.longest < now)
        e->locks = 0; /* quiet for long */
    bool lock_over = e->locked_until && e->locked_until <= now;
    bool window_over = !e->locked_until && e->first + l->rule.window <= now;

    if (lock_over || window_over)
        e->failures = 0, e->locked_until = 0;
}

static fallible enter(struct lockout *l, const char *name, int64_t now, unsigned *wait)
{
    struct entry e;
    bool found, room = true;

    TRY(read_entry(l->store, name, &e, &found));
    if (!found)
        TRY(make_room(l->store, now, &room));
    expire(l, &e, now);
    *wait = 0;
    if (e.locked_until > now)
        *wait = (unsigned)(e.locked_until - now);
    else if (!room || e.failures + e.in_flight >= l->rule.attempts)
        *wait = IN_FLIGHT_WAIT;
    if (*wait)
        return OK;
    e.in_flight++;
    e.last = now;
    return write_entry(l->store, &e);
}

fallible lockout_enter(struct lockout *l, struct span tenant, struct span name, int64_t now,
                       unsigned *wait)
{
    char hash[NAME_TEXT_SIZE];
    unsigned seconds = 0;

    TRY(hash_name(l, tenant, name, hash));
    struct store *guard owned(store_guard) = store_guarded(l->store);
    TRY(store_begin(guard));
    TRY(enter(l, hash, now, &seconds));
    TRY(store_commit(guard));
    *wait = seconds;
    return OK;
}

static fallible leave(struct lockout *l, const char *name, int64_t now, enum lockout_result result)
{
    struct entry e;
    bool found;

    TRY(read_entry(l->store, name, &e, &found));
    if (!found)
        return OK;
    if (e.in_flight)
        e.in_flight--;
    switch (result) {
    case LOCKOUT_GOOD:
        e.failures = e.locks = 0;
        break;
    case LOCKOUT_FAILED:
        count_failure(l, &e, now);
        break;
    case LOCKOUT_UNDECIDED:
        break;
    }
    return e.failures || e.in_flight || e.locks ? write_entry(l->store, &e)
                                                : remove_entry(l->store, name);
}

fallible lockout_leave(struct lockout *l, struct span tenant, struct span name, int64_t now,
                       enum lockout_result result)
{
    char hash[NAME_TEXT_SIZE];

    TRY(hash_name(l, tenant, name, hash));
    struct store *guard owned(store_guard) = store_guarded(l->store);
    TRY(store_begin(guard));
    TRY(leave(l, hash, now, result));
    return store_commit(guard);
}
