// SPDX-License-Identifier: Apache-2.0
/*
 * The signing keys of aasd as a relying program pins them: a JWKS file, read at start and again as
 * soon as it changes. A file that becomes unreadable or malformed leaves the keys that were there.
 * Beside it, as FILE.revoked, may stand aasd's list of tokens that have ended before their time
 * (access/revocation.h), followed in the same way: one that is older than what is known changes
 * nothing, and once there was one, or a file that is none, nobody is let in without one that is in
 * its time.
 * Safe for many threads. A sandbox must let its folder be read, since the file is replaced by
 * renaming.
 */
#ifndef ACCESS_PINNED_KEYS_H
#define ACCESS_PINNED_KEYS_H

#include "base/bounds.h"
#include "access/bearer.h"

#define PINNED_KEYS_REVOKED ".revoked"

struct pinned_keys;

/* The file must be there and hold at least one key. */
fallible pinned_keys_open(const char *path, struct pinned_keys **out);
void pinned_keys_close(struct pinned_keys *k);
OWNED_TYPE(struct pinned_keys, pinned_keys_close)

/* bearer_verify with the keys of now. */
fallible pinned_keys_verify(struct pinned_keys *k, struct span token, int64_t now,
                            enum bearer_verdict *verdict, struct bearer *out);

#endif
