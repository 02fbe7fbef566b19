// SPDX-License-Identifier: Apache-2.0
/* AES-256-GCM in parts, as JWE needs it: nonce and tag on their own. */
#ifndef CRYPTO_AEAD_INTERNAL_H
#define CRYPTO_AEAD_INTERNAL_H

#include "crypto/aead.h"

#define GCM_NONCE_SIZE 12
#define GCM_TAG_SIZE 16

/* `cipher` has room for plain.len bytes. */
fallible gcm_encrypt(const struct secret *key, struct span nonce, struct span associated, struct span plain, uint8_t *cipher,
                     uint8_t tag[GCM_TAG_SIZE]);
/* `plain` has room for cipher.len bytes; wiped when the tag is wrong (FAIL_DENIED). */
fallible gcm_decrypt(const struct secret *key, struct span nonce, struct span associated, struct span cipher, struct span tag,
                     uint8_t *plain);

#endif
