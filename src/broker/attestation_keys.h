// SPDX-License-Identifier: Apache-2.0
/*
 * The attestation service's signing keys as keyd pins them: a JWKS file, read again as soon as it
 * changes, so that a key taken out of it counts no more. They never come by way of kbsd.
 */
#ifndef BROKER_ATTESTATION_KEYS_H
#define BROKER_ATTESTATION_KEYS_H

#include "token/attestation.h"

struct attestation_keys;

fallible attestation_keys_open(const char *path, struct attestation_keys **out);
void attestation_keys_close(struct attestation_keys *k);
OWNED_TYPE(struct attestation_keys, attestation_keys_close)

/* attestation_verify, or refusal_verify, with the keys of now. */
fallible attestation_keys_verify(struct attestation_keys *k, struct span token, bool refusal,
                                 int64_t now, struct attestation *out, enum jwt_fault *fault);

#endif
