// SPDX-License-Identifier: Apache-2.0
/* keyd's core for a fuzz target: a broker with an embedded key manager, tokens, a key and a policy.
 * Its folder is made anew now and then, so that a long run does not fill the disk. */
#ifndef FUZZ_BROKER_WORLD_H
#define FUZZ_BROKER_WORLD_H

#include "broker/broker.h"
#include "crypto/random.h"

#define WORLD_NOW 1795435200

struct broker_world {
    struct broker broker;
    char *anna, *bert, *other; /* bearer tokens: two administrators, one of another tenant */
    char key_id[UUID_TEXT_SIZE], policy_id[UUID_TEXT_SIZE], audit_id[UUID_TEXT_SIZE];
    struct key *s, *e; /* the attester's */
    bool spoilt;       /* the key is gone: to be made anew */
};

struct broker_world *broker_world(void);
/* A challenge, of the key or for leases. To be freed. */
char *world_challenge(struct broker_world *w, enum operation operation);
/* The id of a change that waits for a second person. To be freed. */
char *world_pending(struct broker_world *w);
/* A token of the attestation service for S, E and this challenge. To be freed. */
char *world_attestation(const struct broker_world *w, const char *challenge);
/* S's proof of a request. To be freed. */
char *world_proof(const struct broker_world *w, const char *path, const char *challenge,
                  struct span body);
/* S's or E's public JWK as text. To be freed. */
char *world_jwk(const struct key *k);

#endif
