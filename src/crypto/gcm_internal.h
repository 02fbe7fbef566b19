// SPDX-License-Identifier: Apache-2.0
/* AES-256-GCM with its parts apart, as JWE has them. */
#ifndef CRYPTO_GCM_INTERNAL_H
#define CRYPTO_GCM_INTERNAL_H

#include "base/err.h"
#include "crypto/secret.h"

#define GCM_NONCE_SIZE 12
#define GCM_TAG_SIZE 16

/* `to` has plain.len bytes. A nonce is used once with a key. */
fallible gcm_seal(const struct secret *key, const uint8_t nonce[GCM_NONCE_SIZE],
                  struct span associated, struct span plain, uint8_t *to,
                  uint8_t tag[GCM_TAG_SIZE]);
fallible gcm_open(const struct secret *key, const uint8_t nonce[GCM_NONCE_SIZE],
                  struct span associated, struct span sealed, const uint8_t tag[GCM_TAG_SIZE],
                  struct secret **plain);

#endif
