// SPDX-License-Identifier: Apache-2.0
/* Collateral that is brought in rather than fetched: an upload of a PCCS' administrator, or an
 * archive from the other side of an air gap. All of it, or none. */
#ifndef ATTESTD_TCS_BRING_H
#define ATTESTD_TCS_BRING_H

#include "attestd/tcs_cache.h"

#define TCS_BRING_MAX 4096

struct tcs_brought {
    struct tcs_id id;
    struct tcs_item item;
};

struct tcs_delivery {
    struct tcs_brought *items;
    size_t count;
    char refused[TCS_KEY_MAX]; /* the item that made it fail; "": none of them */
};
void tcs_delivery_done(struct tcs_delivery *d);
static inline void tcs_delivery_donep(struct tcs_delivery *d)
{
    tcs_delivery_done(d);
}
/* Room for one more, with an empty item. NULL when memory or TCS_BRING_MAX is reached. */
struct tcs_brought *tcs_delivery_add(struct tcs_delivery *d, const struct tcs_id *id);

/* Each is checked as if it were fetched: form, signatures, nothing older than what was seen,
 * nothing ahead of the clock. FAIL_DENIED or FAIL_UPSTREAM say which rule; nothing has changed
 * then. `also` (may be NULL) writes what comes along in the same transaction. */
fallible tcs_bring(struct tcs_cache *c, struct tcs_delivery *d, int64_t now,
                   fallible (*also)(struct store *s, void *context), void *context);

#endif
