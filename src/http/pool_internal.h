// SPDX-License-Identifier: Apache-2.0
/* Threads that run handlers. The queue is bounded: a full one is told to the giver at once. */
#ifndef HTTP_POOL_INTERNAL_H
#define HTTP_POOL_INTERNAL_H

#include "base/err.h"
#include "base/owned.h"

struct job { /* part of what the job is about; not in two queues at once */
    void (*run)(struct job *job);
    struct job *next;
};

struct pool;
fallible pool_start(unsigned workers, unsigned queue, struct pool **out);
bool pool_give(struct pool *p, struct job *job);
void pool_stop(struct pool *p); /* finishes what is queued, joins, frees */
OWNED_TYPE(struct pool, pool_stop)

#endif
