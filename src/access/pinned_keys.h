// SPDX-License-Identifier: Apache-2.0
/*
 * The signing keys of aasd as a relying program pins them: a JWKS file, read at start and again as
 * soon as it changes. A file that becomes unreadable or malformed leaves the keys that were there.
 * Safe for many threads. A sandbox must let its folder be read, since the file is replaced by
 * renaming.
 */
#ifndef ACCESS_PINNED_KEYS_H
#define ACCESS_PINNED_KEYS_H

#include "base/bounds.h"
#include "access/bearer.h"

struct pinned_keys;

/* The file must be there and hold at least one key. */
fallible pinned_keys_open(const char *path, struct pinned_keys **out);
void pinned_keys_close(struct pinned_keys *k);
OWNED_TYPE(struct pinned_keys, pinned_keys_close)

/* bearer_verify with the keys of now. */
fallible pinned_keys_verify(struct pinned_keys *k, struct span token, int64_t now,
                            enum bearer_verdict *verdict, struct bearer *out);

#endif
