// SPDX-License-Identifier: Apache-2.0
#include "broker/attestation_keys.h"

#include <pthread.h>

#include "base/file.h"

#define FILE_MAX (64U << 10)

struct attestation_keys {
    char *path;
    pthread_rwlock_t lock;
    struct jwks *set;
    struct file_mark mark;
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
    }
    pthread_rwlock_unlock(&k->lock);
    jwks_free(set);
}

static fallible verify(struct attestation_keys *k, struct span token, bool refusal, int64_t now,
                       struct attestation *out, enum jwt_fault *fault)
{
    pthread_rwlock_rdlock(&k->lock);
    struct err e = refusal ? refusal_verify(token, k->set, now, out, fault) : attestation_verify(token, k->set, now, out, fault);
    pthread_rwlock_unlock(&k->lock);
    return e;
}

fallible attestation_keys_verify(struct attestation_keys *k, struct span token, bool refusal, int64_t now,
                                 struct attestation *out, enum jwt_fault *fault)
{
    struct file_mark mark = file_mark_of(k->path);

    *fault = JWT_MALFORMED;
    if (is_stale(k, &mark))
        read_again(k, &mark);
    return verify(k, token, refusal, now, out, fault);
}
