// SPDX-License-Identifier: Apache-2.0
#include "broker/store_pool.h"

#include <pthread.h>

struct store_pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    size_t free_count, count;
    struct store *free[STORE_POOL_MAX];
};

fallible store_pool_open(const char *url, size_t count, struct store_pool **out)
{
    struct store_pool *p owned(store_pool_close) = NULL;

    if (!count || count > STORE_POOL_MAX)
        return FAIL(LIMIT, "connections to the store");
    p = calloc(1, sizeof *p);
    if (!p)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->given, NULL);
    for (; p->count < count; p->count++, p->free_count++)
        TRY(store_open(url, &p->free[p->count]));
    *out = TAKE(p);
    return OK;
}

void store_pool_close(struct store_pool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->free_count; i++)
        store_close(p->free[i]);
    pthread_cond_destroy(&p->given);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct borrowed_store store_borrow(struct store_pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->free_count)
        pthread_cond_wait(&p->given, &p->lock);
    struct store *s = p->free[--p->free_count];
    pthread_mutex_unlock(&p->lock);
    return (struct borrowed_store){ s, p };
}

void store_give(struct borrowed_store *s)
{
    if (!s->store)
        return;
    pthread_mutex_lock(&s->pool->lock);
    s->pool->free[s->pool->free_count++] = s->store;
    pthread_cond_signal(&s->pool->given);
    pthread_mutex_unlock(&s->pool->lock);
    s->store = NULL;
}
