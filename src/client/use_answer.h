// SPDX-License-Identifier: Apache-2.0
/*
 * The KBS's answer to a use (docs/protocol.md, "Attested use"): a statement signed by a pinned
 * release key, which must be to what was asked: this key, challenge, operation and input. What was
 * decrypted is sealed to E in it.
 */
#ifndef CLIENT_USE_ANSWER_H
#define CLIENT_USE_ANSWER_H

#include "client/unwrap.h"
#include "client/use_order.h"

struct use_question {
    const struct jwks *release_keys;
    const struct session *session;
    struct span key_id, challenge;
    const struct use_order *order; /* NULL: the public half is asked for */
};

struct use_said {
    uint64_t version;      /* of the key */
    struct buf bytes;      /* a signature, or the public half as SPKI */
    struct secret *opened; /* what was decrypted */
    char *next;            /* challenge; NULL: none */
};
void use_said_done(struct use_said *s);
static inline void use_said_donep(struct use_said *s)
{
    use_said_done(s);
}

/* FAIL_DENIED: not signed by a release key, or an answer to something else. */
fallible use_answer_open(struct span answer, const struct use_question *q, struct use_said *out);

#endif
