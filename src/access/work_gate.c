// SPDX-License-Identifier: Apache-2.0
#include "access/work_gate.h"

#include <pthread.h>

struct work_gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    unsigned running, running_max, waiting, waiting_max;
};

fallible work_gate_new(unsigned running, unsigned waiting, struct work_gate **out)
{
    struct work_gate *g = calloc(1, sizeof(*g));

    if (!g)
        return FAIL(SYSTEM, "memory for a gate");
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->left, NULL);
    g->running_max = running ? running : 1;
    g->waiting_max = waiting;
    *out = g;
    return OK;
}

void work_gate_free(struct work_gate *g)
{
    if (!g)
        return;
    pthread_cond_destroy(&g->left);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static bool enter_locked(struct work_gate *g)
{
    if (g->running < g->running_max) {
        g->running++;
        return true;
    }
    if (g->waiting >= g->waiting_max)
        return false;
    g->waiting++;
    while (g->running >= g->running_max)
        pthread_cond_wait(&g->left, &g->lock);
    g->waiting--;
    g->running++;
    return true;
}

bool work_gate_enter(struct work_gate *g)
{
    pthread_mutex_lock(&g->lock);
    bool entered = enter_locked(g);
    pthread_mutex_unlock(&g->lock);
    return entered;
}

void work_gate_leave(struct work_gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->running--;
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->lock);
}
