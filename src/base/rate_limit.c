// SPDX-License-Identifier: Apache-2.0
#include "base/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#define SETS 1024
#define WAYS 4
#define MICRO 1000000

struct bucket {
    uint8_t name[RATE_LIMIT_NAME_MAX];
    size_t len;      /* 0: free */
    int64_t at_us;   /* of the last look */
    uint64_t micros; /* millionths of what may be taken */
};

struct rate_limit {
    pthread_mutex_t lock;
    uint64_t per_second, burst, seed[2];
    struct bucket buckets[SETS][WAYS];
};

fallible rate_limit_new(uint64_t per_second, uint64_t burst, struct rate_limit **out)
{
    if (!per_second || per_second > RATE_LIMIT_MAX || !burst || burst > RATE_LIMIT_MAX)
        return FAIL(INPUT, "a rate limit is 1 to 1000000");
    struct rate_limit *r = calloc(1, sizeof *r);
    if (!r)
        return FAIL(SYSTEM, "out of memory");
    if (getrandom(r->seed, sizeof r->seed, 0) != (ssize_t)sizeof r->seed) {
        free(r);
        return FAIL(SYSTEM, "no random bytes");
    }
    r->per_second = per_second;
    r->burst = burst;
    pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return OK;
}

void rate_limit_free(struct rate_limit *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Good enough for whoever sees only whether a bucket was empty. */
static size_t place_of(const struct rate_limit *r, struct span name)
{
    uint64_t h = r->seed[0];

    for (size_t i = 0; i < name.len; i++) {
        h = (h ^ name.at[i]) * 0x100000001b3;
        h ^= h >> 29;
    }
    h = (h ^ r->seed[1]) * 0x9e3779b97f4a7c15;
    return (h >> 32) % SETS;
}

/* The name's bucket, or the one that was quiet for longest, made the name's. */
static struct bucket *bucket_of(struct rate_limit *r, struct span name, int64_t now)
{
    struct bucket *set = r->buckets[place_of(r, name)], *oldest = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].len == name.len && !memcmp(set[i].name, name.at, name.len))
            return &set[i];
        if (set[i].at_us < oldest->at_us)
            oldest = &set[i];
    }
    memcpy(oldest->name, name.at, name.len);
    oldest->len = name.len;
    oldest->at_us = now;
    oldest->micros = r->burst * MICRO;
    return oldest;
}

static void refill(const struct rate_limit *r, struct bucket *b, int64_t now)
{
    uint64_t full = r->burst * MICRO;
    uint64_t gone = now > b->at_us ? (uint64_t)(now - b->at_us) : 0;

    if (gone >= full / r->per_second) /* before the product could overflow */
        b->micros = full;
    else
        b->micros += gone * r->per_second;
    if (b->micros > full)
        b->micros = full;
    b->at_us = now;
}

bool rate_limit_take(struct rate_limit *r, struct span name, int64_t monotonic_us)
{
    if (!r || !name.len)
        return true;
    name = span_head(name, RATE_LIMIT_NAME_MAX);
    pthread_mutex_lock(&r->lock);
    struct bucket *b = bucket_of(r, name, monotonic_us);
    refill(r, b, monotonic_us);
    bool some = b->micros >= MICRO;
    if (some)
        b->micros -= MICRO;
    pthread_mutex_unlock(&r->lock);
    return some;
}
