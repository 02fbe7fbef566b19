// SPDX-License-Identifier: Apache-2.0
/*
 * AES-256-GCM with a random 96-bit nonce: sealed = nonce (12) || ciphertext || tag (16).
 * A wrong key, changed bytes or other associated data: FAIL_DENIED, and nothing comes out.
 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include "base/buf.h"
#include "crypto/secret.h"

#define AEAD_KEY_SIZE 32
#define AEAD_OVERHEAD 28

fallible aead_seal(const struct secret *key, struct span associated, const struct secret *plain,
                   struct buf *sealed);
fallible aead_open(const struct secret *key, struct span associated, struct span sealed,
                   struct secret **plain);

/* RFC 3394 AES key wrap, 256-bit KEK. */
fallible aes_kw_wrap(const struct secret *kek, const struct secret *key, struct buf *out);
fallible aes_kw_unwrap(const struct secret *kek, struct span wrapped, struct secret **out);
/* RFC 5649: with padding, for keys of any length. */
fallible aes_kwp_wrap(const struct secret *kek, const struct secret *key, struct buf *out);
fallible aes_kwp_unwrap(const struct secret *kek, struct span wrapped, struct secret **out);

#endif
