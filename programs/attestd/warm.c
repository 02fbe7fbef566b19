// SPDX-License-Identifier: Apache-2.0
#include "attestd/warm.h"

#include "attestd/request.h"

static struct warm_slot *slot_of(struct warm *w, const struct collateral_key *key)
{
    struct warm_slot *oldest = &w->slots[0];
    for (size_t i = 0; i < w->count; i++) {
        if (collateral_key_equal(&w->slots[i].key, key))
            return &w->slots[i];
        if (w->slots[i].used < oldest->used)
            oldest = &w->slots[i];
    }
    return w->count < WARM_MAX ? &w->slots[w->count++] : oldest;
}

void warm_put(struct warm *w, const struct collateral_key *key, struct collateral_set *set)
{
    struct warm_slot *s = slot_of(w, key);
    collateral_set_free(s->set);
    *s = (struct warm_slot){ .key = *key, .set = set, .used = ++w->clock };
}

const struct collateral_set *warm_find(const struct warm *w, const struct collateral_key *key)
{
    for (size_t i = 0; i < w->count; i++)
        if (collateral_key_equal(&w->slots[i].key, key))
            return w->slots[i].set;
    return NULL;
}

bool warm_knows_platform(const struct warm *w, struct span pck_chain)
{
    uint8_t hash[SHA256_SIZE];
    if (failed(sha256(pck_chain, hash)))
        return true;
    for (size_t i = 0; i < w->platform_count; i++)
        if (!memcmp(w->platforms[i], hash, SHA256_SIZE))
            return true;
    return false;
}

void warm_note_platform(struct warm *w, struct span pck_chain)
{
    uint8_t hash[SHA256_SIZE];
    if (failed(sha256(pck_chain, hash)))
        return;
    memcpy(w->platforms[w->platform_next++ % WARM_PLATFORMS_MAX], hash, SHA256_SIZE);
    if (w->platform_count < WARM_PLATFORMS_MAX)
        w->platform_count++;
}

void warm_done(struct warm *w)
{
    for (size_t i = 0; i < w->count; i++)
        collateral_set_free(w->slots[i].set);
    *w = (struct warm){ 0 };
}
