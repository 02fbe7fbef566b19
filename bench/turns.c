// SPDX-License-Identifier: Apache-2.0
#include "turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SLICE_US 500000
#define SAMPLES_MAX 400000

void must(struct err e, const char *program, const char *what)
{
    if (!failed(e))
        return;
    fprintf(stderr, "%s: %s: %s\n", program, what, e.what);
    exit(1);
}

static const char *name_of(const struct turns *t, enum side side)
{
    return side == SERVICE ? t->service : "echo";
}

/* The rate is of the turn itself: on a busy machine one client that gets no processor would
 * otherwise have all the others wait for it at the end, on the service's account. */
static void slice(struct turns_client *c, enum side side, int64_t until_us)
{
    const struct turns *t = c->turns;

    for (int64_t start = clock_monotonic_us(), end; start < until_us; start = end) {
        must(t->ask(c->own, side, false), t->program, name_of(t, side));
        end = clock_monotonic_us();
        c->done[side] += end <= until_us ? 1 : (double)(until_us - start) / (double)(end - start);
        if (c->count[side] < SAMPLES_MAX)
            c->ms[side][c->count[side]++] = (float)(end - start) / 1000;
    }
}

static void *run_client(void *context)
{
    struct turns_client *c = context;
    struct turns *t = c->turns;

    for (uint64_t i = 0; i < t->warm_up; i++) {
        must(t->ask(c->own, SERVICE, i == 0), t->program, "warm-up");
        if (t->echo)
            must(t->ask(c->own, ECHOES, i == 0), t->program, "warm-up of the echo");
    }
    for (;;) {
        pthread_barrier_wait(&t->barrier);
        if (!t->until_us)
            return NULL;
        slice(c, t->side, t->until_us);
        pthread_barrier_wait(&t->barrier);
    }
}

/* Each side has `seconds`, in turns. */
static void conduct(struct turns *t)
{
    for (uint64_t i = 0; i < t->seconds * 2 * 1000000 / SLICE_US; i++) {
        t->side = i % 2 && t->echo ? ECHOES : SERVICE;
        t->until_us = clock_monotonic_us() + SLICE_US;
        pthread_barrier_wait(&t->barrier);
        pthread_barrier_wait(&t->barrier);
        t->turns_s[t->side] += SLICE_US / 1e6;
    }
    t->until_us = 0;
    pthread_barrier_wait(&t->barrier);
}

void turns_run(struct turns *t)
{
    if (!t->warm_up)
        t->warm_up = WARM_UP;
    pthread_barrier_init(&t->barrier, NULL, (unsigned)t->clients + 1);
    for (uint64_t i = 0; i < t->clients; i++) {
        struct turns_client *c = &t->all[i];
        c->turns = t;
        for (int side = 0; side < SIDES; side++)
            if (!(c->ms[side] = malloc(SAMPLES_MAX * sizeof(float))))
                abort();
        if (pthread_create(&c->thread, NULL, run_client, c))
            abort();
    }
    conduct(t);
    for (uint64_t i = 0; i < t->clients; i++)
        pthread_join(t->all[i].thread, NULL);
}

static int order(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report(const struct turns *t, enum side side)
{
    size_t count = 0;
    double done = 0;
    float *all = NULL;

    for (uint64_t i = 0; i < t->clients; i++) {
        const struct turns_client *c = &t->all[i];
        all = realloc(all, (count + c->count[side] + 1) * sizeof(*all));
        if (!all)
            abort();
        memcpy(all + count, c->ms[side], c->count[side] * sizeof(*all));
        count += c->count[side];
        done += c->done[side];
    }
    qsort(all, count, sizeof(*all), order);
    printf("\"%s\":{\"count\":%zu,\"per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f}",
           name_of(t, side), count, t->turns_s[side] > 0 ? done / t->turns_s[side] : 0,
           count ? (double)all[count / 2] : 0, count ? (double)all[count * 99 / 100] : 0,
           count ? (double)all[count - 1] : 0);
    free(all);
}

void turns_report(const struct turns *t)
{
    report(t, SERVICE);
    putchar(',');
    report(t, ECHOES);
}
