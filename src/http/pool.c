// SPDX-License-Identifier: Apache-2.0
#include "http/pool_internal.h"

#include <pthread.h>
#include <signal.h>

#include "http/thread_internal.h"

#define WORKER_STACK (1U << 20)

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct job *first, **last;
    unsigned queued, queue_max, waiting;
    bool stopping;
    unsigned workers;
    pthread_t threads[];
};

static struct job *take(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->first && !p->stopping) {
        p->waiting++;
        pthread_cond_wait(&p->filled, &p->lock);
        p->waiting--;
    }
    struct job *job = p->first;
    if (job) {
        p->first = job->next;
        if (!p->first)
            p->last = &p->first;
        p->queued--;
    }
    pthread_mutex_unlock(&p->lock);
    return job;
}

static void *work(void *arg)
{
    struct pool *p = arg;
    struct job *job;

    while ((job = take(p)))
        job->run(job);
    return NULL;
}

fallible thread_start(void *(*run)(void *), void *arg, size_t stack, pthread_t *out)
{
    sigset_t all, old;
    pthread_attr_t attr;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, stack);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(out, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc == 0 ? OK : FAIL(SYSTEM, "no thread");
}

fallible pool_start(unsigned workers, unsigned queue, struct pool **out)
{
    owned(pool_stop) struct pool *p = calloc(1, sizeof(*p) + workers * sizeof(p->threads[0]));

    if (!p)
        return FAIL(SYSTEM, "out of memory for threads");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->filled, NULL);
    p->last = &p->first;
    p->queue_max = queue;
    for (; p->workers < workers; p->workers++)
        TRY(thread_start(work, p, WORKER_STACK, &p->threads[p->workers]));
    *out = TAKE(p);
    return OK;
}

bool pool_give(struct pool *p, struct job *job)
{
    pthread_mutex_lock(&p->lock);
    bool room = p->queued < p->queue_max;
    bool wake = room && p->waiting > 0;
    if (room) {
        job->next = NULL;
        *p->last = job;
        p->last = &job->next;
        p->queued++;
    }
    pthread_mutex_unlock(&p->lock);
    if (wake)
        pthread_cond_signal(&p->filled);
    return room;
}

void pool_stop(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_mutex_unlock(&p->lock);
    pthread_cond_broadcast(&p->filled);
    for (unsigned i = 0; i < p->workers; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->filled);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
