// SPDX-License-Identifier: Apache-2.0
/*
 * Shares, one after another, until the threshold is reached. Each is known by its MAC before it is
 * taken, so a wrong one is told at once; a set that does not open the master key all the same is
 * forgotten whole.
 */
#include "base/clock.h"
#include "crypto/aead.h"
#include "keys/embedded_internal.h"
#include "keys/share.h"

#define FORGET_US (15 * 60 * 1000000LL)

void given_forget(struct given *g)
{
    for (size_t i = 0; i < g->count; i++)
        secret_free(g->values[i]);
    *g = (struct given){ 0 };
}

void given_expire(struct given *g)
{
    if (g->count && clock_monotonic_us() - g->since_us > FORGET_US)
        given_forget(g);
}

static fallible check(const struct seal_record *r, uint8_t place, const struct secret *value)
{
    uint8_t mac[SHA256_SIZE];

    TRY(share_check(r, place, value, mac));
    return span_equal_secret(SPAN_OF(mac), SPAN_OF(r->checks[place - 1]))
               ? OK
               : FAIL(DENIED, "a wrong share: it is not the one that was given out");
}

fallible given_add(struct embedded *e, enum seal_act act, struct span text, struct secret **root)
{
    struct secret *value owned(secret_free) = NULL;
    struct given *g = &e->given;
    uint8_t place;

    given_expire(g);
    if (g->act != act)
        given_forget(g);
    TRY(share_text_read(&e->record, text, &place, &value));
    TRY(check(&e->record, place, value));
    for (size_t i = 0; i < g->count; i++)
        if (g->places[i] == place)
            return FAIL(CONFLICT, "this share was given already");
    if (!g->count)
        g->since_us = clock_monotonic_us();
    g->act = act;
    g->places[g->count] = place;
    g->values[g->count++] = TAKE(value);
    if (g->count < e->record.threshold)
        return OK;
    struct err combined = share_combine(g->values, g->places, g->count, root);
    given_forget(g);
    return combined;
}
