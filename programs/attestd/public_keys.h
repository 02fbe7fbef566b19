// SPDX-License-Identifier: Apache-2.0
/* The token issuer's public keys as the front serves them: the parent sends the set at the start
 * and whenever it changes. Safe for many threads. */
#ifndef ATTESTD_PUBLIC_KEYS_H
#define ATTESTD_PUBLIC_KEYS_H

#include "base/buf.h"

struct public_keys;

/* Waits for the first set. `fd` is closed with it. */
fallible public_keys_open(int fd, struct public_keys **out);
void public_keys_close(struct public_keys *k);
OWNED_TYPE(struct public_keys, public_keys_close)
/* Starts the thread that takes later ones: after the sandbox. */
fallible public_keys_follow(struct public_keys *k);

/* A copy of the JWKS; FAIL_ABSENT: the issuer has not started. */
fallible public_keys_text(struct public_keys *k, struct buf *out);

#endif
