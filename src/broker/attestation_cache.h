// SPDX-License-Identifier: Apache-2.0
/*
 * Attestation tokens that have been verified, by the hash of their text: in a session the same one
 * comes with every key. What a token says does not change while the keys that signed it are pinned;
 * its times are the caller's to check.
 */
#ifndef BROKER_ATTESTATION_CACHE_H
#define BROKER_ATTESTATION_CACHE_H

#include "crypto/digest.h"
#include "token/attestation.h"

struct attestation_cache;

fallible attestation_cache_new(struct attestation_cache **out);
void attestation_cache_free(struct attestation_cache *c);
OWNED_TYPE(struct attestation_cache, attestation_cache_free)

/* True: *out is a copy that shares the claims, which nobody changes. */
bool attestation_cache_get(struct attestation_cache *c, const uint8_t hash[SHA256_SIZE],
                           struct attestation *out);
void attestation_cache_put(struct attestation_cache *c, const uint8_t hash[SHA256_SIZE],
                           const struct attestation *a);
/* The pinned keys have changed. */
void attestation_cache_clear(struct attestation_cache *c);

#endif
