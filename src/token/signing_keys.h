// SPDX-License-Identifier: Apache-2.0
/*
 * The keys of who signs tokens, over time. One signs; the next one is made and published a while before
 * it does, so that who pins the set has it by then; one that has signed stays in the set until the
 * last token by it has expired. On disk, beside the key's file PATH: PATH.next, the key that is
 * announced, and PATH.state, public keys and times. Each step is a file replaced as a whole, and
 * what a crash left between two steps is put right at the next start.
 *
 * attestd's issuer uses it at its start, before its sandbox, and starts anew to change keys; aasd
 * whenever something is due. One process at a time.
 */
#ifndef TOKEN_SIGNING_KEYS_H
#define TOKEN_SIGNING_KEYS_H

#include "crypto/key.h"

#define SIGNING_KEYS_RETIRED_MAX 16
#define SIGNING_KEYS_MAX (SIGNING_KEYS_RETIRED_MAX + 2)

struct signing_keys_config {
    const char *path;
    const char
        *algorithm;   /* "ES256", "ES384", "PS384"; empty: that of the key there is, else ES256 */
    int64_t lifetime; /* of a token, seconds */
    int64_t rotate;   /* seconds a key signs; 0: until told otherwise */
    int64_t announce; /* seconds a key is published before it signs */
};

struct signing_keys {
    struct key *current;
    struct key *all[SIGNING_KEYS_MAX]; /* what relying parties get, the current one first */
    size_t count;
    int64_t change_at; /* when something is to change; 0: never */
};

bool signing_algorithm_known(const char *name);
/* Makes what is missing and does what is due; `rotate`: announce a next key even if it is not due.
 */
fallible signing_keys_open(const struct signing_keys_config *c, bool rotate, int64_t now,
                           struct signing_keys *out);
void signing_keys_done(struct signing_keys *k);
static inline void signing_keys_donep(struct signing_keys *k)
{
    signing_keys_done(k);
}

#endif
