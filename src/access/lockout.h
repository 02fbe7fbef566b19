// SPDX-License-Identifier: Apache-2.0
/*
 * Guessing is slow: after `attempts` failures of one name within `window` seconds the name is
 * locked for `duration` seconds, whether or not there is such a user, and a right password does not
 * help meanwhile. Each further lock of the name lasts twice as long as the one before, up to
 * `longest`, until a good login. An attempt in flight counts as a failure until it has ended, so
 * that many at once gain nothing.
 *
 * Kept in the store: a restart forgets nothing, and instances that share a store count together. At
 * most LOCKOUT_NAMES_MAX names: when full the one that has been quiet for longest goes, locked ones
 * last. Names are kept as a keyed hash, since what is typed there is sometimes a password; the key
 * is a file, not in the store. Safe for many threads.
 */
#ifndef ACCESS_LOCKOUT_H
#define ACCESS_LOCKOUT_H

#include "base/err.h"
#include "base/owned.h"
#include "base/span.h"
#include "store/store.h"

#define LOCKOUT_NAMES_MAX 4096
#define LOCKOUT_STALE 120 /* seconds in flight, then it has failed: its process is gone */

struct lockout_rule {
    unsigned attempts, window, duration, longest;
};
#define LOCKOUT_RULE_DEFAULT                                                                       \
    ((struct lockout_rule){ .attempts = 5, .window = 300, .duration = 300, .longest = 3600 })

struct lockout;
/* The file is made, 0600, where it is not there. The store must outlive it. */
fallible lockout_new(struct store *s, const char *key_file, struct lockout_rule rule,
                     struct lockout **out);
void lockout_free(struct lockout *l);
OWNED_TYPE(struct lockout, lockout_free)

/* *wait 0: go on, and call lockout_leave(); else seconds until the next attempt may be made. */
fallible lockout_enter(struct lockout *l, struct span tenant, struct span name, int64_t now,
                       unsigned *wait);
enum lockout_result {
    LOCKOUT_GOOD,     /* forgets the failures */
    LOCKOUT_FAILED,   /* counts one */
    LOCKOUT_UNDECIDED /* neither */
};
/* Where this fails the attempt stays in flight: that denies, and never grants. */
fallible lockout_leave(struct lockout *l, struct span tenant, struct span name, int64_t now,
                       enum lockout_result result);

#endif
