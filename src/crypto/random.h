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
/* 8-4-4-4-12 hex digits, either case. */
bool uuid_valid(struct span text);

#endif
