// SPDX-License-Identifier: Apache-2.0
/*
 * Challenges: sealed by keyd, so nothing is stored when one is given out (lesson L53), and any
 * instance with the same root key can finish what another began. A challenge is for one key, one
 * tenant, one subject (the bearer token's, or nobody) and a short time; its id is 32 random bytes.
 * The sealing key changes with every epoch.
 */
#ifndef BROKER_CHALLENGE_H
#define BROKER_CHALLENGE_H

#include "base/buf.h"
#include "crypto/secret.h"

#define CHALLENGE_ID_SIZE 32
#define CHALLENGE_TEXT_MAX 1024
#define CHALLENGE_FIELD_MAX 160 /* bytes of tenant, key id, subject */

struct challenge {
    char tenant[CHALLENGE_FIELD_MAX + 1], key_id[CHALLENGE_FIELD_MAX + 1],
        subject[CHALLENGE_FIELD_MAX + 1];
    int64_t expires_at;
    uint8_t id[CHALLENGE_ID_SIZE];
};

/* Fills c->id and appends the text. `kbs` names this broker: a challenge of another does not open.
 */
fallible challenge_make(const struct secret *root, struct span kbs, struct challenge *c,
                        struct buf *text);
/* FAIL_DENIED: not ours, or changed. Expiry is the caller's to check. */
fallible challenge_open(const struct secret *root, struct span kbs, struct span text,
                        struct challenge *out);

#endif
