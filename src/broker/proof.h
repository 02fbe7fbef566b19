// SPDX-License-Identifier: Apache-2.0
/* Header Warder-Proof: the signature of S over a request with a challenge of ours
 * (docs/protocol.md). */
#ifndef BROKER_PROOF_H
#define BROKER_PROOF_H

#include "crypto/digest.h"
#include "crypto/key.h"

/* *good: `proof` is the key's over POST, path, challenge and the hash of the body. FAIL_INPUT: it
 * is no signature at all. */
fallible proof_check(const struct key *signing, struct span path, struct span challenge,
                     const uint8_t body_hash[SHA256_SIZE], struct span proof, bool *good);

#endif
