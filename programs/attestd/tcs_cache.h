// SPDX-License-Identifier: Apache-2.0
/*
 * The endorsement cache: what was fetched is kept over restarts and served until its date; a thing
 * that is missing, past its date or long not asked for is fetched, once, however many ask for it at
 * the same time, from the first upstream that has a good one. Upstreams that fail leave what is
 * there in force, as long as its own date allows and no longer. When an upstream itself has nothing
 * newer than what is past its date, that is served, as of this very second: whoever verifies with
 * it sees the date. Without any upstream what was brought in is all there is, and is served
 * likewise.
 *
 * It resists rollback: the newest issue date and evaluation number seen for each thing are
 * remembered, and older ones refused. A clock that is behind the newest date seen is refused too.
 */
#ifndef ATTESTD_TCS_CACHE_H
#define ATTESTD_TCS_CACHE_H

#include "attestd/tcs_authentic.h"
#include "attestd/tcs_store.h"

#define TCS_ENTRIES_MAX 512
#define TCS_RETRY_MAX 60      /* seconds: failures double the pause up to it */
#define TCS_ABSENT_SECONDS 30 /* before an upstream is asked again for what it has not */
#define TCS_CLOCK_SKEW 60     /* that much the vendor's clock may be ahead of ours */

struct tcs_source {
    /* How many upstreams have such things; 0: none. */
    size_t (*count)(void *context, const struct tcs_id *id);
    /* FAIL_ABSENT: the upstream has no such thing. FAIL_UPSTREAM: it cannot say. Runs without the
     * cache's lock. */
    fallible (*fetch)(void *context, size_t at, const struct tcs_id *id, struct tcs_item *out);
    /* May something be asked for that anybody can make up, and that is not there? NULL: always. */
    bool (*admit)(void *context);
    void *context;
    int64_t refresh_seconds;
    const struct root_set
        *roots; /* under which everything must be signed; NULL: not checked here */
};

struct tcs_cache;
/* Both must outlive it. Whoever else uses the store holds its lock. */
fallible tcs_cache_new(const struct tcs_source *source, struct store *store,
                       struct tcs_cache **out);
void tcs_cache_free(struct tcs_cache *c);
OWNED_TYPE(struct tcs_cache, tcs_cache_free)

/* A copy, `untrusted` when all that the upstreams have is signed by nobody we trust. FAIL_ABSENT,
 * FAIL_UPSTREAM. Safe for many threads. */
fallible tcs_cache_get(struct tcs_cache *c, const struct tcs_id *id, int64_t now,
                       struct tcs_item *out);
/* Asks anew even though nothing is due. */
fallible tcs_cache_renew(struct tcs_cache *c, const struct tcs_id *id, int64_t now);

/* Asks anew if no failure forbids it and nobody does so already; says in the log what came of it. A
 * thing past its date that no upstream has any more goes. */
void tcs_cache_refresh(struct tcs_cache *c, const struct tcs_id *id, int64_t now);

/* Somebody else has written to the store: what is in memory is read again. */
fallible tcs_cache_reload(struct tcs_cache *c);

/* FAIL_UPSTREAM: the clock is behind the newest signed date seen. */
fallible tcs_cache_check_clock(struct tcs_cache *c, int64_t now);
bool tcs_cache_failing(struct tcs_cache *c); /* the last fetch failed */
struct store *tcs_cache_store(struct tcs_cache *c);
const struct tcs_source *tcs_cache_source(const struct tcs_cache *c);

#endif
