// SPDX-License-Identifier: Apache-2.0
/* What the zygote holds, verified and parsed, and its workers find warm: collateral, and which
 * platforms are known. */
#ifndef ATTESTD_WARM_H
#define ATTESTD_WARM_H

#include "crypto/digest.h"
#include "verify/verify.h"

#define WARM_MAX 128
#define WARM_PLATFORMS_MAX 256

struct warm {
    struct warm_slot {
        struct collateral_key key;
        struct collateral_set *set;
        uint64_t used; /* order of loading: the oldest makes room */
    } slots[WARM_MAX];
    size_t count;
    uint64_t clock;
    uint8_t platforms[WARM_PLATFORMS_MAX]
                     [SHA256_SIZE]; /* hashes of PCK chains that the verifier remembers */
    size_t platform_count, platform_next;
};

void warm_done(struct warm *w);
/* Takes the set over, in place of one with the same key. */
void warm_put(struct warm *w, const struct collateral_key *key, struct collateral_set *set);
/* NULL when there is none. Borrowed. */
const struct collateral_set *warm_find(const struct warm *w, const struct collateral_key *key);

/* True also when it cannot be told: then nothing is gained by remembering. */
bool warm_knows_platform(const struct warm *w, struct span pck_chain);
void warm_note_platform(struct warm *w, struct span pck_chain);

#endif
