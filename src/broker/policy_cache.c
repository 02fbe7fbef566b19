// SPDX-License-Identifier: Apache-2.0
#include "broker/policy_cache.h"

#include <pthread.h>

#define SLOTS 256

struct policy_cache {
    pthread_mutex_t lock;
    struct slot {
        uint8_t mac[SHA256_SIZE];
        json_t *content; /* NULL: empty */
        struct transfer_policy *policy;
    } slots[SLOTS];
};

fallible policy_cache_new(struct policy_cache **out)
{
    struct policy_cache *c = calloc(1, sizeof *c);

    if (!c)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return OK;
}

static void slot_clear(struct slot *s)
{
    json_free(s->content);
    transfer_policy_free(s->policy);
    *s = (struct slot){ 0 };
}

void policy_cache_free(struct policy_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        slot_clear(&c->slots[i]);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool policy_cache_get(struct policy_cache *c, const uint8_t mac[SHA256_SIZE], json_t **content,
                      struct transfer_policy **policy)
{
    pthread_mutex_lock(&c->lock);
    struct slot *s = &c->slots[mac[0] % SLOTS];
    bool found = s->content && !memcmp(s->mac, mac, SHA256_SIZE);
    if (found) {
        *content = json_incref(s->content);
        *policy = transfer_policy_ref(s->policy);
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void policy_cache_put(struct policy_cache *c, const uint8_t mac[SHA256_SIZE], json_t *content,
                      struct transfer_policy *policy)
{
    pthread_mutex_lock(&c->lock);
    struct slot *s = &c->slots[mac[0] % SLOTS];
    slot_clear(s);
    memcpy(s->mac, mac, SHA256_SIZE);
    s->content = json_incref(content);
    s->policy = transfer_policy_ref(policy);
    pthread_mutex_unlock(&c->lock);
}
