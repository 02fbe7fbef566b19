// SPDX-License-Identifier: Apache-2.0
/*
 * Token buckets, one for each name that shows itself: a source address, a tenant. Of bounded size:
 * of names that meet in one place of the table, the one that was quiet for longest is forgotten,
 * and begins anew with a full bucket. Where a name lands is a secret of the process, so nobody can
 * choose names that push another's out. Safe for threads.
 */
#ifndef BASE_RATE_LIMIT_H
#define BASE_RATE_LIMIT_H

#include "base/err.h"
#include "base/owned.h"
#include "base/span.h"

#define RATE_LIMIT_NAME_MAX 64
#define RATE_LIMIT_MAX 1000000

struct rate_limit;

/* `burst` at once, `per_second` in the long run, both 1 to RATE_LIMIT_MAX. */
fallible rate_limit_new(uint64_t per_second, uint64_t burst, struct rate_limit **out);
void rate_limit_free(struct rate_limit *r);
OWNED_TYPE(struct rate_limit, rate_limit_free)

/* Takes one of what the name has; false: there is none. A name beyond RATE_LIMIT_NAME_MAX bytes
 * counts by its beginning. `r` NULL: no limit. */
bool rate_limit_take(struct rate_limit *r, struct span name, int64_t monotonic_us);

#endif
