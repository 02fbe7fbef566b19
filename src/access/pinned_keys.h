// SPDX-License-Identifier: Apache-2.0
/*
 * The signing keys of aasd as a relying program pins them: a JWKS file, read at start and again
 * when the file changes or a token names an unknown key (at most once a second, so that strangers
 * cannot make us read). A file that becomes unreadable or malformed keeps the keys that were there.
 * Safe for many threads.
 */
#ifndef ACCESS_PINNED_KEYS_H
#define ACCESS_PINNED_KEYS_H

#include "access/bearer.h"

#define PINNED_KEYS_FILE_MAX (64U << 10)

struct pinned_keys;

/* The file must be there and hold at least one key. */
fallible pinned_keys_open(const char *path, struct pinned_keys **out);
void pinned_keys_close(struct pinned_keys *k);
OWNED_TYPE(struct pinned_keys, pinned_keys_close)

/* bearer_verify with the keys of now. */
fallible pinned_keys_verify(struct pinned_keys *k, struct span token, int64_t now,
                            enum bearer_verdict *verdict, struct bearer *out);

#endif
