// SPDX-License-Identifier: Apache-2.0
/* What a private key does for others besides signing (signature.h). */
#ifndef CRYPTO_PRIVATE_USE_H
#define CRYPTO_PRIVATE_USE_H

#include "crypto/digest.h"
#include "crypto/key.h"

/* RSA-OAEP; `digest` is also MGF1's. FAIL_INPUT: the text does not open. */
fallible oaep_open(const struct key *k, enum digest_kind digest, struct span label,
                   struct span sealed, struct secret **out);
/* The shared x coordinate with a public point of the same curve (04 || x || y), other than
 * infinity. */
fallible ecdh_derive(const struct key *k, struct span point, struct secret **out);

#endif
