// SPDX-License-Identifier: Apache-2.0
#include "broker/attestation_keys.h"

#include <pthread.h>

#include "base/file.h"
#include "broker/attestation_cache.h"

#define FILE_MAX (64U << 10)

struct attestation_keys {
    char *path;
    pthread_rwlock_t lock;
    struct jwks *set;
    struct file_mark mark;
    struct attestation_cache *cache; /* of tokens verified by this set */
};

static fallible read_set(const char *path, struct jwks **out)
{
    struct buf text owned(buf_done) = buf_of(FILE_MAX);
    struct jwks *set owned(jwks_free) = NULL;

    TRY(file_read(path, &text));
    TRY(jwks_parse(buf_span(&text), &set));
    if (!jwks_count(set))
        return FAIL(INPUT, "the file of the attestation service's keys holds none");
    *out = TAKE(set);
    return OK;
}

fallible attestation_keys_open(const char *path, struct attestation_keys **out)
{
    struct jwks *set owned(jwks_free) = NULL;
    struct file_mark mark = file_mark_of(path);

    TRY(read_set(path, &set));
    struct attestation_keys *k = calloc(1, sizeof *k);
    if (!k || !(k->path = strdup(path))) {
        free(k);
        return FAIL(SYSTEM, "out of memory");
    }
    struct err e = attestation_cache_new(&k->cache);
    if (failed(e)) {
        free(k->path);
        free(k);
        return e;
    }
    pthread_rwlock_init(&k->lock, NULL);
    k->set = TAKE(set);
    k->mark = mark;
    *out = k;
    return OK;
}

void attestation_keys_close(struct attestation_keys *k)
{
    if (!k)
        return;
    jwks_free(k->set);
    attestation_cache_free(k->cache);
    pthread_rwlock_destroy(&k->lock);
    free(k->path);
    free(k);
}

static bool is_stale(struct attestation_keys *k, const struct file_mark *mark)
{
    pthread_rwlock_rdlock(&k->lock);
    bool stale = !file_mark_equal(mark, &k->mark);
    pthread_rwlock_unlock(&k->lock);
    return stale;
}

/* A file that cannot be read keeps the keys that were there. */
static void read_again(struct attestation_keys *k, const struct file_mark *mark)
{
    struct jwks *set = NULL;
    struct err e = read_set(k->path, &set);

    pthread_rwlock_wrlock(&k->lock);
    k->mark = *mark;
    if (!failed(e)) {
        struct jwks *old = k->set;
        k->set = set;
        set = old;
        attestation_cache_clear(k->cache);
    }
    pthread_rwlock_unlock(&k->lock);
    jwks_free(set);
}

/* With the lock held, so that a token is never kept beyond the keys that it was verified by. */
static fallible verify_or_recall(struct attestation_keys *k, struct span token, int64_t now,
                                 struct attestation *out, enum jwt_fault *fault)
{
    uint8_t hash[SHA256_SIZE];
    struct attestation known owned(attestation_done) = { 0 };

    TRY(sha256(token, hash));
    if (attestation_cache_get(k->cache, hash, &known) && known.issued <= now &&
        now < known.expires) {
        *out = known;
        known = (struct attestation){ 0 };
        return OK;
    }
    TRY(attestation_verify(token, k->set, now, out, fault));
    attestation_cache_put(k->cache, hash, out);
    return OK;
}

static fallible verify(struct attestation_keys *k, struct span token, bool refusal, int64_t now,
                       struct attestation *out, enum jwt_fault *fault)
{
    pthread_rwlock_rdlock(&k->lock);
    struct err e = refusal ? refusal_verify(token, k->set, now, out, fault)
                           : verify_or_recall(k, token, now, out, fault);
    pthread_rwlock_unlock(&k->lock);
    return e;
}

fallible attestation_keys_verify(struct attestation_keys *k, struct span token, bool refusal,
                                 int64_t now, struct attestation *out, enum jwt_fault *fault)
{
    struct file_mark mark = file_mark_of(k->path);

    *fault = JWT_MALFORMED;
    if (is_stale(k, &mark))
        read_again(k, &mark);
    return verify(k, token, refusal, now, out, fault);
}
