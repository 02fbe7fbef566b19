// SPDX-License-Identifier: Apache-2.0
#include "access/pinned_keys.h"

#include <pthread.h>

#include "base/file.h"
#include "token/jwt.h"

struct pinned_keys {
    char *path;
    pthread_rwlock_t lock;
    struct jwks *keys;
    struct file_mark mark;
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

fallible pinned_keys_open(const char *path, struct pinned_keys **out)
{
    owned(pinned_keys_close) struct pinned_keys *k = calloc(1, sizeof(*k));

    if (!k)
        return FAIL(SYSTEM, "memory for pinned keys");
    pthread_rwlock_init(&k->lock, NULL);
    k->path = span_dup(span_str(path));
    if (!k->path)
        return FAIL(SYSTEM, "memory for pinned keys");
    k->mark = file_mark_of(path);
    TRY(read_keys(path, &k->keys));
    *out = TAKE(k);
    return OK;
}

void pinned_keys_close(struct pinned_keys *k)
{
    if (!k)
        return;
    pthread_rwlock_destroy(&k->lock);
    jwks_free(k->keys);
    free(k->path);
    free(k);
}

static fallible verify_now(struct pinned_keys *k, struct span token, int64_t now,
                           enum bearer_verdict *verdict, struct bearer *out)
{
    pthread_rwlock_rdlock(&k->lock);
    struct err e = bearer_verify(k->keys, token, now, verdict, out);
    pthread_rwlock_unlock(&k->lock);
    return e;
}

static bool is_stale(struct pinned_keys *k, const struct file_mark *mark)
{
    pthread_rwlock_rdlock(&k->lock);
    bool stale = !file_mark_equal(mark, &k->mark);
    pthread_rwlock_unlock(&k->lock);
    return stale;
}

static void refresh(struct pinned_keys *k, const struct file_mark *mark)
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
    pthread_rwlock_unlock(&k->lock);
    jwks_free(keys);
}

fallible pinned_keys_verify(struct pinned_keys *k, struct span token, int64_t now,
                            enum bearer_verdict *verdict, struct bearer *out)
{
    struct file_mark mark = file_mark_of(k->path);

    if (is_stale(k, &mark))
        refresh(k, &mark);
    return verify_now(k, token, now, verdict, out);
}
