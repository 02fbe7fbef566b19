// SPDX-License-Identifier: Apache-2.0
/*
 * The store's lock for the rest of a scope; an open transaction is rolled back at its end, so that
 * no way out leaves one behind: struct store *guard owned(store_guard) = store_guarded(s);
 */
#ifndef ACCESS_STORE_GUARD_INTERNAL_H
#define ACCESS_STORE_GUARD_INTERNAL_H

#include "store/store.h"

static inline struct store *store_guarded(struct store *s)
{
    store_lock(s);
    return s;
}

static inline void store_guardp(struct store **s)
{
    store_rollback(*s);
    store_unlock(*s);
}

#endif
