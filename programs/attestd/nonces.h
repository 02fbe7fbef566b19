// SPDX-License-Identifier: Apache-2.0
/*
 * Nonces of the attestation service: random, with their end and a MAC over tenant and audience, so
 * that asking for one stores nothing and another tenant's or audience's is of no use. Only one that
 * a token was issued for is remembered, until its end: it counts once, on every instance that
 * shares the store. The MAC key is in that store too.
 */
#ifndef ATTESTD_NONCES_H
#define ATTESTD_NONCES_H

#include "store/store.h"

#define NONCE_TEXT_SIZE 76 /* base64url of 56 bytes, and NUL */

enum nonce_verdict {
    NONCE_GOOD,
    NONCE_INVALID, /* not ours, changed, or of another tenant or audience */
    NONCE_EXPIRED,
    NONCE_SPENT
};

struct nonces;

fallible nonces_open(const char *url, int64_t seconds, struct nonces **out);
void nonces_close(struct nonces *n);
OWNED_TYPE(struct nonces, nonces_close)

/* Whom a nonce is for. */
struct nonce_bounds {
    struct span tenant, audience;
};
fallible nonces_make(const struct nonces *n, const struct nonce_bounds *b, int64_t now,
                     char out[NONCE_TEXT_SIZE], int64_t *expires);
/* Before the work. */
fallible nonces_check(struct nonces *n, struct span text, const struct nonce_bounds *b, int64_t now,
                      enum nonce_verdict *verdict);
/* After it, of one that was good: of many at once, one gets NONCE_GOOD. */
fallible nonces_spend(struct nonces *n, struct span text, int64_t now, enum nonce_verdict *verdict);

#endif
