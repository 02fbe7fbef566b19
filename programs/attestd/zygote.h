// SPDX-License-Identifier: Apache-2.0
/*
 * The zygote holds verified collateral and forks a worker for each request. It reads no byte of a
 * stranger: a request comes as a descriptor, which it hands to a worker that has no other, no file,
 * no network and no sibling. Some workers are forked ahead and wait in their sandbox, so that
 * neither costs a request time. A worker that takes too long is killed; only its own request
 * suffers.
 */
#ifndef ATTESTD_ZYGOTE_H
#define ATTESTD_ZYGOTE_H

#include "attestd/worker.h"

#define ZYGOTE_WORKERS_MAX 64
#define ZYGOTE_SPARES_MAX 32

struct zygote_config {
    int work;      /* channel from the front */
    int decisions; /* channel to the issuer; inherited by the workers */
    unsigned deadline_ms;
    unsigned spares;
    struct verifier *verifier;
    /* What a worker does with its answer socket: worker_serve. */
    void (*serve)(const struct worker *w, int answer);
    /* What a worker does before it waits for its request: worker_heap_enter. */
    void (*warm_up)(void);
    /* The worker's sandbox, entered before it gets its request. */
    fallible (*confine)(void);
};

/* Until the channel from the front ends. */
fallible zygote_run(const struct zygote_config *config);

#endif
