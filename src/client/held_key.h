// SPDX-License-Identifier: Apache-2.0
/*
 * A released key in the agent's locked memory, ready for use, or one that stays at the KBS and is
 * used there; and the PKCS#11 objects that it shows: private (or secret), public, and a certificate
 * where one is given. All of it is fixed at the start, so threads share it without locks; it goes
 * away, wiped, with its last reference.
 */
#ifndef CLIENT_HELD_KEY_H
#define CLIENT_HELD_KEY_H

#include <openssl/types.h>

#include "client/agent_wire.h"
#include "client/keys_file.h"
#include "client/unwrap.h"

enum object_kind { OBJECT_PRIVATE = 1, OBJECT_PUBLIC, OBJECT_CERTIFICATE, OBJECT_SECRET };
#define OBJECT_KINDS 3 /* a key shows at most so many */
#define OBJECT_ATTRIBUTES_MAX 40

struct object {
    enum object_kind kind;
    uint64_t handle;
    size_t count;
    struct agent_attribute attributes[OBJECT_ATTRIBUTES_MAX];
};

struct held_key;

/* `certificate` is DER for a certificate object, or empty; it must be for this key. */
fallible held_key_new(const struct key_line *line, const struct released *released,
                      struct span certificate, struct held_key **out);
struct held_key *held_key_ref(struct held_key *k);
void held_key_free(struct held_key *k);
OWNED_TYPE(struct held_key, held_key_free)

/* What it may be used with at the KBS; NULL for a key that is here. Borrowed. */
struct use_grant *held_key_grant(const struct held_key *k);
const char *held_key_id(const struct held_key *k);

size_t held_key_objects(const struct held_key *k, const struct object **out);
/* NULL when it is none of this key's. */
const struct object *held_key_object(const struct held_key *k, uint64_t handle);
EVP_PKEY *held_key_evp(const struct held_key *k); /* NULL for a secret key; of one that stays the
                                                     public half alone */
uint64_t held_key_version(const struct held_key *k);

static inline bool object_is_private(const struct object *o)
{
    return o->kind == OBJECT_PRIVATE || o->kind == OBJECT_SECRET;
}
const struct agent_attribute *object_attribute(const struct object *o, uint32_t type);
/* Every attribute of the template is there with this value. */
bool object_matches(const struct object *o, const struct agent_attribute *wanted, size_t count);
/* Types that exist for the object but are never told: private exponent, primes, value, ... */
bool object_hides(const struct object *o, uint32_t type);

#endif
