// SPDX-License-Identifier: Apache-2.0
#include "broker/attestation_cache.h"

#include <pthread.h>

#define SLOTS 256 /* some 16 KiB of claims each */

struct attestation_cache {
    pthread_mutex_t lock;
    struct slot {
        uint8_t hash[SHA256_SIZE];
        struct attestation attestation; /* all NULL: empty */
    } slots[SLOTS];
};

fallible attestation_cache_new(struct attestation_cache **out)
{
    struct attestation_cache *c = calloc(1, sizeof *c);

    if (!c)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return OK;
}

void attestation_cache_free(struct attestation_cache *c)
{
    if (!c)
        return;
    attestation_cache_clear(c);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct slot *slot_of(struct attestation_cache *c, const uint8_t hash[SHA256_SIZE])
{
    return &c->slots[(hash[0] | (size_t)hash[1] << 8) % SLOTS];
}

/* The spans of a copy point into the same claims, which it keeps alive. */
static void share(const struct attestation *from, struct attestation *to)
{
    *to = *from;
    json_incref(to->all);
}

bool attestation_cache_get(struct attestation_cache *c, const uint8_t hash[SHA256_SIZE],
                           struct attestation *out)
{
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_of(c, hash);
    bool found = s->attestation.all && !memcmp(s->hash, hash, SHA256_SIZE);
    if (found)
        share(&s->attestation, out);
    pthread_mutex_unlock(&c->lock);
    return found;
}

void attestation_cache_put(struct attestation_cache *c, const uint8_t hash[SHA256_SIZE],
                           const struct attestation *a)
{
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_of(c, hash);
    attestation_done(&s->attestation);
    memcpy(s->hash, hash, SHA256_SIZE);
    share(a, &s->attestation);
    pthread_mutex_unlock(&c->lock);
}

void attestation_cache_clear(struct attestation_cache *c)
{
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < SLOTS; i++)
        attestation_done(&c->slots[i].attestation);
    pthread_mutex_unlock(&c->lock);
}
