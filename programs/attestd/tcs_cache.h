// SPDX-License-Identifier: Apache-2.0
/*
 * The endorsement cache: what was fetched is kept over restarts and served until its date; a thing
 * that is missing, past its date or long not asked for is fetched, once, however many ask for it at
 * the same time. An upstream that fails leaves what is there in force, as long as its own date
 * allows and no longer. When the upstream itself has nothing newer than what is past its date, that
 * is served: whoever verifies with it sees the date.
 *
 * It resists rollback: the newest issue date and evaluation number seen for each thing are
 * remembered, and older ones refused.
 */
#ifndef ATTESTD_TCS_CACHE_H
#define ATTESTD_TCS_CACHE_H

#include "attestd/tcs_authentic.h"
#include "store/store.h"

#define TCS_ENTRIES_MAX 512
#define TCS_RETRY_SECONDS 30 /* after a failure, before the upstream is asked again */

struct tcs_upstream {
    /* FAIL_ABSENT: the upstream has no such thing. FAIL_UPSTREAM: it cannot say. Runs without the
     * cache's lock. */
    fallible (*fetch)(void *context, const struct tcs_id *id, struct tcs_item *out);
    void *context;
    int64_t refresh_seconds;
    const struct root_set
        *roots; /* under which everything must be signed; NULL: not checked here */
};

struct tcs_cache;
/* The store is used by the cache alone. Both must outlive it. */
fallible tcs_cache_new(const struct tcs_upstream *upstream, struct store *store,
                       struct tcs_cache **out);
void tcs_cache_free(struct tcs_cache *c);
OWNED_TYPE(struct tcs_cache, tcs_cache_free)

/* A copy, `untrusted` when all that the upstream has is signed by nobody we trust. FAIL_ABSENT,
 * FAIL_UPSTREAM. Safe for many threads. */
fallible tcs_cache_get(struct tcs_cache *c, const struct tcs_id *id, int64_t now,
                       struct tcs_item *out);

struct tcs_health {
    size_t items;
    int64_t earliest_end;  /* of what is held; 0: nothing */
    bool upstream_failing; /* the last fetch failed */
};
void tcs_cache_health(struct tcs_cache *c, struct tcs_health *out);

#endif
