// SPDX-License-Identifier: Apache-2.0
#include "broker/attestation_keys.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/file.h"

#define FILE_MAX (64U << 10)
#define REREAD_US 1000000

struct attestation_keys {
    char *path;
    pthread_rwlock_t lock;
    struct jwks *set;
    int64_t read_at_us;
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

    TRY(read_set(path, &set));
    struct attestation_keys *k = calloc(1, sizeof *k);
    if (!k || !(k->path = strdup(path))) {
        free(k);
        return FAIL(SYSTEM, "out of memory");
    }
    pthread_rwlock_init(&k->lock, NULL);
    k->set = TAKE(set);
    k->read_at_us = clock_monotonic_us();
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

/* A file that cannot be read keeps the keys that were there. */
static bool read_again(struct attestation_keys *k)
{
    struct jwks *set = NULL;
    bool changed = false;

    pthread_rwlock_wrlock(&k->lock);
    int64_t now = clock_monotonic_us();
    if (now - k->read_at_us >= REREAD_US) {
        k->read_at_us = now;
        if (!failed(read_set(k->path, &set))) {
            jwks_free(k->set);
            k->set = set;
            changed = true;
        }
    }
    pthread_rwlock_unlock(&k->lock);
    return changed;
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
    *fault = JWT_MALFORMED;
    struct err e = verify(k, token, refusal, now, out, fault);
    if (failed(e) && *fault == JWT_UNKNOWN_KEY && read_again(k))
        e = verify(k, token, refusal, now, out, fault);
    return e;
}
