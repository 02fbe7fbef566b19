// SPDX-License-Identifier: Apache-2.0
/* The two ways in which a JWE's content key reaches its recipient (RFC 7518 sections 4.3 and 4.6).
 */
#ifndef CRYPTO_JWE_INTERNAL_H
#define CRYPTO_JWE_INTERNAL_H

#include "crypto/key.h"

/* NULL for keys that have none. */
const char *jwe_algorithm(const struct key *k);
/* May add members to the header ("epk"). */
fallible jwe_wrap(const struct key *recipient, json_t *header, const struct secret *cek,
                  struct buf *wrapped);
/* FAIL_DENIED: does not open. */
fallible jwe_unwrap(const struct key *recipient, const json_t *header, struct span wrapped,
                    struct secret **cek);

/* ".iv.ciphertext.tag" without the first dot, under the content key. */
fallible jwe_add_content(const struct secret *cek, struct span associated,
                         const struct secret *plain, struct buf *text);

#endif
