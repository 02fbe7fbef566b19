// SPDX-License-Identifier: Apache-2.0
/* Hashes, HMAC and HKDF. Digest objects are fetched once, so one call costs only the hash. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/secret.h"

enum digest_kind { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
#define DIGEST_MAX 64
#define SHA256_SIZE 32
#define SHA384_SIZE 48
#define SHA512_SIZE 64

size_t digest_size(enum digest_kind kind);
/* `out` has digest_size(kind) bytes. Several spans are hashed one after another. */
fallible digest_of(enum digest_kind kind, struct span bytes, uint8_t *out);
fallible digest_of_all(enum digest_kind kind, const struct span *parts, size_t count, uint8_t *out);
fallible sha256(struct span bytes, uint8_t out[SHA256_SIZE]);
/* "sha256:<hex>", the form digests have in claims, policies and audit records. */
#define DIGEST_TEXT_SIZE 72
fallible digest_text(struct span bytes, char out[DIGEST_TEXT_SIZE]);

fallible hmac_sha256(const struct secret *key, struct span bytes, uint8_t out[SHA256_SIZE]);
/* RFC 5869 with SHA-256; salt empty. `label` is the info: versioned, one per use. */
fallible hkdf_sha256(const struct secret *key, struct span label, size_t len, struct secret **out);

#endif
