// SPDX-License-Identifier: Apache-2.0
#include "access/pinned_keys.h"

#include <pthread.h>

#include "access/revocation.h"
#include "base/clock.h"
#include "base/file.h"
#include "token/jwt.h"

struct pinned_keys {
    char *path, *list_path;
    pthread_rwlock_t lock;
    struct jwks *keys;
    struct file_mark mark, list_mark;
    struct revocation_list *list;
    bool list_there; /* or was */
};

static fallible read_keys(const char *path, struct jwks **out)
{
    struct buf text owned(buf_done) = buf_of(PINNED_KEYS_FILE_MAX);
    owned(jwks_free) struct jwks *keys = NULL;

    TRY(file_read(path, &text));
    TRY(jwks_parse(buf_span(&text), &keys));
    if (!jwks_count(keys))
        return FAIL(INPUT, "pinned keys: the file holds none");
    *out = TAKE(keys);
    return OK;
}

/* With the write lock, or before there are threads. */
static void read_list(struct pinned_keys *k, const struct file_mark *mark, int64_t now)
{
    struct buf text owned(buf_done) = buf_of(JWT_TEXT_MAX);
    owned(revocation_list_free) struct revocation_list *list = NULL;

    k->list_mark = *mark;
    struct err e = file_read(k->list_path, &text);
    k->list_there |= e.kind != FAIL_ABSENT;
    if (!failed(e))
        e = revocation_list_read(buf_span(&text), k->keys, now, &list);
    if (failed(e) || (k->list && revocation_list_made(list) < revocation_list_made(k->list)))
        return;
    revocation_list_free(k->list);
    k->list = TAKE(list);
}

fallible pinned_keys_open(const char *path, struct pinned_keys **out)
{
    owned(pinned_keys_close) struct pinned_keys *k = calloc(1, sizeof(*k));

    if (!k)
        return FAIL(SYSTEM, "memory for pinned keys");
    pthread_rwlock_init(&k->lock, NULL);
    k->path = span_dup(span_str(path));
    if (!k->path || asprintf(&k->list_path, "%s" PINNED_KEYS_REVOKED, path) < 0)
        return FAIL(SYSTEM, "memory for pinned keys");
    k->mark = file_mark_of(path);
    TRY(read_keys(path, &k->keys));
    const struct file_mark mark = file_mark_of(k->list_path);
    read_list(k, &mark, clock_now());
    *out = TAKE(k);
    return OK;
}

void pinned_keys_close(struct pinned_keys *k)
{
    if (!k)
        return;
    pthread_rwlock_destroy(&k->lock);
    jwks_free(k->keys);
    revocation_list_free(k->list);
    free(k->path);
    free(k->list_path);
    free(k);
}

static fallible judge_revocation(struct pinned_keys *k, int64_t now, enum bearer_verdict *verdict,
                                 const struct bearer *b)
{
    bool ended = false;

    if (!k->list_there)
        return OK;
    if (!k->list || revocation_list_ends(k->list) <= now) {
        *verdict = BEARER_OUTDATED;
        return OK;
    }
    TRY(revocation_list_check(k->list, b, &ended));
    if (ended)
        *verdict = BEARER_REVOKED;
    return OK;
}

static fallible verify_now(struct pinned_keys *k, struct span token, int64_t now,
                           enum bearer_verdict *verdict, struct bearer *out)
{
    pthread_rwlock_rdlock(&k->lock);
    struct err e = bearer_verify(k->keys, token, now, verdict, out);
    if (!failed(e) && *verdict == BEARER_GOOD) {
        e = judge_revocation(k, now, verdict, out);
        if (failed(e) || *verdict != BEARER_GOOD)
            bearer_done(out);
    }
    pthread_rwlock_unlock(&k->lock);
    return e;
}

static bool is_stale(struct pinned_keys *k, const struct file_mark *mark,
                     const struct file_mark *list_mark)
{
    pthread_rwlock_rdlock(&k->lock);
    bool stale = !file_mark_equal(mark, &k->mark) || !file_mark_equal(list_mark, &k->list_mark);
    pthread_rwlock_unlock(&k->lock);
    return stale;
}

/* The list again too: it may be by the new keys. */
static void refresh(struct pinned_keys *k, const struct file_mark *mark,
                    const struct file_mark *list_mark, int64_t now)
{
    struct jwks *keys = NULL;
    struct err e = read_keys(k->path, &keys);

    pthread_rwlock_wrlock(&k->lock);
    k->mark = *mark; /* a bad file is read once, not at every request */
    if (!failed(e)) {
        struct jwks *old = k->keys;
        k->keys = keys;
        keys = old;
    }
    read_list(k, list_mark, now);
    pthread_rwlock_unlock(&k->lock);
    jwks_free(keys);
}

fallible pinned_keys_verify(struct pinned_keys *k, struct span token, int64_t now,
                            enum bearer_verdict *verdict, struct bearer *out)
{
    const struct file_mark mark = file_mark_of(k->path), list_mark = file_mark_of(k->list_path);

    if (is_stale(k, &mark, &list_mark))
        refresh(k, &mark, &list_mark, now);
    return verify_now(k, token, now, verdict, out);
}
