// SPDX-License-Identifier: Apache-2.0
/* What the files for guests of Confidential Containers share. */
#ifndef BROKER_GUEST_INTERNAL_H
#define BROKER_GUEST_INTERNAL_H

#include "broker/guest_session.h"
#include "broker/release_internal.h"

#define GUEST_VERSION_MAX 16
#define GUEST_TEE_MAX 32

/* An opened session cookie. */
struct guest_challenge {
    struct challenge challenge;
    char digest[DIGEST_TEXT_SIZE];
    char protocol[GUEST_VERSION_MAX + 1], tee[GUEST_TEE_MAX + 1];
};
/* Sets a refusal, or leaves the outcome CODE_OK: ours, for this tenant, not expired. */
fallible guest_challenge_open(struct broker *b, const struct broker_request *q, struct span text,
                              struct guest_challenge *out, struct outcome *o);
/* RSA1_5 and a header that nothing authenticates: all that these versions know. */
bool guest_protocol_is_old(struct span protocol);

#endif
