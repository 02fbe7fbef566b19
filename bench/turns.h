// SPDX-License-Identifier: Apache-2.0
/*
 * So many clients, each a thread, for so long: they ask the service and a TLS echo in turns, in
 * short slices, so that both meet the same machine; and what each question took.
 */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include <pthread.h>

#include "base/err.h"

#define CLIENTS_MAX 64
#define WARM_UP 20

enum side { SERVICE, ECHOES, SIDES };

struct turns_client {
    struct turns *turns;
    void *own; /* of the program's */
    float *ms[SIDES];
    size_t count[SIDES];
    double done[SIDES]; /* within the turns; of a question that ran over the end, the part before */
    pthread_t thread;
};

struct turns {
    const char *program, *service; /* their names, for what goes wrong and for the report */
    uint64_t clients, seconds;     /* of each side */
    uint64_t warm_up; /* questions of each client to each side before the first turn; 0: WARM_UP */
    bool echo;        /* false: the service alone */
    fallible (*ask)(void *own, enum side side, bool first);
    pthread_barrier_t barrier;
    enum side side;   /* between two barriers: whose turn it is */
    int64_t until_us; /* and how long; 0: the end */
    double turns_s[SIDES];
    struct turns_client all[CLIENTS_MAX];
};

/* With all[].own of each client. */
void turns_run(struct turns *t);
/* "NAME":{...},"echo":{...} */
void turns_report(const struct turns *t);
/* Ends the program with a word on a failure. */
void must(struct err e, const char *program, const char *what);

#endif
