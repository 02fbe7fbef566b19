// SPDX-License-Identifier: Apache-2.0
/* A few connections for readers: a thread borrows one for the length of a decision. */
#ifndef BROKER_STORE_POOL_H
#define BROKER_STORE_POOL_H

#include "store/store.h"

#define STORE_POOL_MAX 16

struct store_pool;

fallible store_pool_open(const char *url, size_t count, struct store_pool **out);
void store_pool_close(struct store_pool *p);
OWNED_TYPE(struct store_pool, store_pool_close)

struct borrowed_store {
    struct store *store;
    struct store_pool *pool;
};
/* struct borrowed_store s owned(store_give) = store_borrow(pool); waits until one is free. */
struct borrowed_store store_borrow(struct store_pool *p);
void store_give(struct borrowed_store *s);
static inline void store_givep(struct borrowed_store *s)
{
    store_give(s);
}

#endif
