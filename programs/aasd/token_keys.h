// SPDX-License-Identifier: Apache-2.0
/*
 * The keys that tokens are signed with, over time (token/signing_keys.h), and what others have of
 * them: the JWKS and the list of revoked tokens, served and written to files that others pin. A
 * thread changes keys when it is due and writes the list anew: before it ends, at once when
 * something was revoked here, and within TOKEN_KEYS_TICK when another instance did so. Safe for
 * many threads.
 */
#ifndef AASD_TOKEN_KEYS_H
#define AASD_TOKEN_KEYS_H

#include "access/bearer.h"
#include "store/store.h"

#define TOKEN_KEYS_TICK 2 /* seconds */

struct token_keys_config {
    const char *folder;                 /* signing.key and what belongs to it */
    const char *jwks_file;              /* NULL: not written */
    const char *algorithm;              /* "ES256", "ES384", "PS384"; NULL: as it is */
    int64_t lifetime, rotate, announce; /* seconds */
};

struct token_keys;
fallible token_keys_open(const struct token_keys_config *c, struct store *s,
                         struct token_keys **out);
void token_keys_close(struct token_keys *k);
OWNED_TYPE(struct token_keys, token_keys_close)
/* Starts the thread: after the sandbox. */
fallible token_keys_follow(struct token_keys *k);

fallible token_keys_sign(struct token_keys *k, const json_t *claims, struct buf *out);
/* By the keys and by the store: BEARER_REVOKED. */
fallible token_keys_verify(struct token_keys *k, struct span text, int64_t now,
                           enum bearer_verdict *verdict, struct bearer *out);
/* A next key, whether one is due or not; it signs once it was announced for long enough. */
fallible token_keys_rotate(struct token_keys *k, int64_t now);
/* Copies of what is public. */
fallible token_keys_jwks(struct token_keys *k, struct buf *out);
fallible token_keys_revocations(struct token_keys *k, struct buf *out);
/* The store has changed. Where the list cannot be made now, the thread tries again. */
void token_keys_revoked(struct token_keys *k, int64_t now);

#endif
