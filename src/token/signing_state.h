// SPDX-License-Identifier: Apache-2.0
/* What the token issuer remembers of its keys besides the private ones: a JSON file of mode 0600.
 */
#ifndef TOKEN_SIGNING_STATE_H
#define TOKEN_SIGNING_STATE_H

#include "token/signing_keys.h"

struct retired_key {
    struct key *key; /* public */
    int64_t until;   /* its last token has expired by then */
};

struct signing_state {
    struct key *current; /* public; NULL: nothing is known yet */
    int64_t since, lifetime;
    int64_t next_from; /* when the announced key begins to sign; 0: there is none */
    struct retired_key retired[SIGNING_KEYS_RETIRED_MAX];
    size_t retired_count;
};

/* A file that is not there is an empty state. */
fallible signing_state_load(const char *path, struct signing_state *out);
fallible signing_state_save(const char *path, const struct signing_state *s);
void signing_state_done(struct signing_state *s);
static inline void signing_state_donep(struct signing_state *s)
{
    signing_state_done(s);
}
/* The current key signs no more; FAIL_LIMIT where too many do so already. */
fallible signing_state_retire(struct signing_state *s, int64_t now);
/* Forgets those whose tokens have all expired. */
void signing_state_expire(struct signing_state *s, int64_t now);
/* When the first of them may go; 0 without one. */
int64_t signing_state_first_end(const struct signing_state *s);

#endif
