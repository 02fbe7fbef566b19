// SPDX-License-Identifier: Apache-2.0
#include "attestd/ask_gate.h"

#include <pthread.h>

#define MINUTE_US 60000000LL
#define SECOND_US 1000000LL

struct slot {
    uint8_t about[SHA256_SIZE];
    int64_t until_us;
    int answer;
};

struct ask_gate {
    pthread_mutex_t lock;
    int64_t cost_us; /* of a question; the credit is time that has passed, at most a minute */
    int64_t credit_us, at_us;
    struct slot slots[ASK_GATE_SLOTS];
};

fallible ask_gate_new(unsigned per_minute, struct ask_gate **out)
{
    struct ask_gate *g = calloc(1, sizeof(*g));
    if (!g)
        return FAIL(SYSTEM, "memory for questions to upstreams");
    pthread_mutex_init(&g->lock, NULL);
    g->cost_us = MINUTE_US / (per_minute ? per_minute : 1);
    g->credit_us = MINUTE_US;
    *out = g;
    return OK;
}

void ask_gate_free(struct ask_gate *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static void earn(struct ask_gate *g, int64_t now_us)
{
    if (g->at_us && now_us > g->at_us)
        g->credit_us += now_us - g->at_us < MINUTE_US ? now_us - g->at_us : MINUTE_US;
    if (g->credit_us > MINUTE_US)
        g->credit_us = MINUTE_US;
    if (now_us > g->at_us)
        g->at_us = now_us;
}

bool ask_gate_admits(struct ask_gate *g, int64_t now_us, unsigned *seconds)
{
    if (!g)
        return true;
    pthread_mutex_lock(&g->lock);
    earn(g, now_us);
    bool enough = g->credit_us >= g->cost_us;
    if (enough)
        g->credit_us -= g->cost_us;
    else
        *seconds = 1 + (unsigned)((g->cost_us - g->credit_us) / SECOND_US);
    pthread_mutex_unlock(&g->lock);
    return enough;
}

/* One place for each digest's first bits: who takes another's place must ask for it, and that is
 * what the budget is for. */
static struct slot *slot_of(struct ask_gate *g, struct span about, uint8_t digest[SHA256_SIZE])
{
    if (failed(sha256(about, digest)))
        return NULL;
    return &g->slots[(digest[0] | (size_t)digest[1] << 8) % ASK_GATE_SLOTS];
}

bool ask_gate_recall(struct ask_gate *g, struct span about, int64_t now_us, int *answer)
{
    uint8_t digest[SHA256_SIZE];
    const struct slot *s = g ? slot_of(g, about, digest) : NULL;
    if (!s)
        return false;
    pthread_mutex_lock(&g->lock);
    bool there = now_us < s->until_us && !memcmp(s->about, digest, SHA256_SIZE);
    if (there)
        *answer = s->answer;
    pthread_mutex_unlock(&g->lock);
    return there;
}

void ask_gate_note(struct ask_gate *g, struct span about, int answer, unsigned seconds,
                   int64_t now_us)
{
    uint8_t digest[SHA256_SIZE];
    struct slot *s = g ? slot_of(g, about, digest) : NULL;
    if (!s)
        return;
    pthread_mutex_lock(&g->lock);
    memcpy(s->about, digest, SHA256_SIZE);
    s->until_us = now_us + seconds * SECOND_US;
    s->answer = answer;
    pthread_mutex_unlock(&g->lock);
}
