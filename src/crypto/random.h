// SPDX-License-Identifier: Apache-2.0
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include "base/err.h"
#include "crypto/secret.h"

#define UUID_TEXT_SIZE 37 /* 36 characters and NUL */

fallible random_fill(void *to, size_t len);
fallible random_secret(size_t len, struct secret **out);
/* RFC 9562 version 4, lower case. */
fallible random_uuid(char out[UUID_TEXT_SIZE]);
/* Version 7: in the order of time, so that an index over many of them grows at its end. Tells when
 * it was made. `now_us`: microseconds since 1970. */
fallible random_uuid_ordered(int64_t now_us, char out[UUID_TEXT_SIZE]);
/* 8-4-4-4-12 hex digits, either case. */
bool uuid_valid(struct span text);

#endif
