// SPDX-License-Identifier: Apache-2.0
/* RSA-OAEP with SHA-256, MGF1 with SHA-256 and no label (RFC 8017, JOSE's RSA-OAEP-256). */
#ifndef CRYPTO_RSA_OAEP_H
#define CRYPTO_RSA_OAEP_H

#include "base/buf.h"
#include "crypto/key.h"

/* Appends as many bytes as the modulus has. */
fallible rsa_oaep_seal(const struct key *recipient, const struct secret *plain, struct buf *out);
/* FAIL_DENIED: it does not open. */
fallible rsa_oaep_open(const struct key *recipient, struct span sealed, struct secret **plain);

#endif
