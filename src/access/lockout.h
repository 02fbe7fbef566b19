// SPDX-License-Identifier: Apache-2.0
/*
 * Guessing is slow: after `attempts` failures of one name within `window` seconds the name is
 * locked for `duration` seconds, whether or not there is such a user, and a right password does not
 * help meanwhile. An attempt in flight counts as a failure until it has ended, so that many at once
 * gain nothing.
 *
 * Memory only, at most LOCKOUT_NAMES_MAX names: when full the one that has been quiet for longest
 * goes, locked ones last. Names are kept as a keyed hash, since what is typed there is sometimes a
 * password. Safe for many threads.
 */
#ifndef ACCESS_LOCKOUT_H
#define ACCESS_LOCKOUT_H

#include "base/err.h"
#include "base/owned.h"
#include "base/span.h"

#define LOCKOUT_NAMES_MAX 4096

struct lockout_rule {
    unsigned attempts, window, duration;
};
#define LOCKOUT_RULE_DEFAULT                                                                       \
    ((struct lockout_rule){ .attempts = 5, .window = 300, .duration = 300 })

struct lockout;
fallible lockout_new(struct lockout_rule rule, struct lockout **out);
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
void lockout_leave(struct lockout *l, struct span tenant, struct span name, int64_t now,
                   enum lockout_result result);

#endif
