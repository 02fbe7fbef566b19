// SPDX-License-Identifier: Apache-2.0
/*
 * The inner layer of a released key that an HSM has wrapped to its recipient (docs/protocol.md):
 * the JWE's content is the key under AES-256 key wrap with padding (RFC 5649), whose key is the x
 * coordinate that the recipient and an ephemeral P-256 key of the HSM share; its public part is in
 * the JWE's header. HSMs have no concatenation KDF, and the JWE around it has its own; who made the
 * answer is said by its signature.
 */
#ifndef CRYPTO_INNER_WRAP_H
#define CRYPTO_INNER_WRAP_H

#include "crypto/key.h"

/* Says so in the header. */
fallible inner_header_set(json_t *header, const struct key *ephemeral);
/* Where the header says so, exchanges the content for the key in it; else does nothing.
 * FAIL_DENIED: it does not open. */
fallible inner_open(const struct key *recipient, const json_t *header, struct secret **content);

/* Some HSMs (SoftHSM) fill PKCS#8 with zeros to a multiple of eight before they wrap it: cuts these
 * off. */
void inner_trim_pkcs8(struct secret *content);

#endif
