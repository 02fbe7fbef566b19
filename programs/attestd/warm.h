// SPDX-License-Identifier: Apache-2.0
/* The collateral that the zygote holds, verified and parsed, and that its workers find warm. */
#ifndef ATTESTD_WARM_H
#define ATTESTD_WARM_H

#include "verify/verify.h"

#define WARM_MAX 128

struct warm {
    struct warm_slot {
        struct collateral_key key;
        struct collateral_set *set;
        uint64_t used; /* order of loading: the oldest makes room */
    } slots[WARM_MAX];
    size_t count;
    uint64_t clock;
};

void warm_done(struct warm *w);
/* Takes the set over, in place of one with the same key. */
void warm_put(struct warm *w, const struct collateral_key *key, struct collateral_set *set);
/* NULL when there is none. Borrowed. */
const struct collateral_set *warm_find(const struct warm *w, const struct collateral_key *key);

#endif
