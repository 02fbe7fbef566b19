// SPDX-License-Identifier: Apache-2.0
/*
 * The KBS's answer: a JWS by the pinned release key over a JWE to E. The signature comes first:
 * encryption alone would let anyone in the path put in a key of their choice. Then the answer must
 * be to what we asked: this key id, this challenge (docs/protocol.md, "Native key transfer").
 */
#ifndef CLIENT_UNWRAP_H
#define CLIENT_UNWRAP_H

#include "client/use_grant.h"
#include "crypto/jose.h"
#include "crypto/random.h"

#define RELEASED_LABEL_MAX 256
#define LEASE_MINUTES_MAX (60U * 24 * 366)

/* RELEASED_STAYS: nothing but its public half, and how it may be used. */
enum released_form { RELEASED_PKCS8, RELEASED_OCTETS, RELEASED_SECRET, RELEASED_STAYS };

struct released {
    struct secret *key; /* owned: PKCS#8 DER, the octets of an AES key, or an opaque secret */
    enum released_form form;
    struct buf spki;         /* of one that stays */
    struct use_grant *grant; /* likewise; owned */
    uint64_t version;
    uint64_t lease_minutes; /* 0: without a lease */
    char audit_id[UUID_TEXT_SIZE];
};
void released_done(struct released *r);
static inline void released_donep(struct released *r)
{
    released_done(r);
}

/* The payload of a signed answer of the KBS of this `typ`, once a pinned key's signature over it is
 * good. */
fallible release_key_verify(struct span answer, const struct jwks *release_keys, const char *typ,
                            struct buf *payload);

/* FAIL_DENIED, with `what`: the member has another text than this. */
fallible answer_require_text(const json_t *from, const char *name, const char *what,
                             struct span wanted);

/* `encryption_key` is E, `key_id` and `challenge` what was asked. FAIL_DENIED: not signed by a
 * release key, not for us, or an answer to something else. */
fallible answer_open(struct span answer, const struct jwks *release_keys,
                     const struct key *encryption_key, struct span key_id, struct span challenge,
                     struct released *out);

#endif
