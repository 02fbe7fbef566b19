// SPDX-License-Identifier: Apache-2.0
/*
 * What may be done with a key that stays where it is: sign, decrypt, derive. The names are those of
 * the wire. Hashing is the asker's: a signature is over a hash.
 */
#ifndef KEYS_KEY_OPERATION_H
#define KEYS_KEY_OPERATION_H

#include "crypto/digest.h"
#include "keys/key_spec.h"

#define KEY_INPUT_MAX 1024
#define KEY_LABEL_INPUT_MAX 256

enum key_operation { KEY_OPERATION_SIGN = 1, KEY_OPERATION_DECRYPT = 2, KEY_OPERATION_DERIVE = 3 };
enum key_mechanism {
    KEY_MECHANISM_RSA_PKCS1 = 1,
    KEY_MECHANISM_RSA_PSS = 2, /* salt as long as the hash, MGF1 with the same hash */
    KEY_MECHANISM_ECDSA = 3,
    KEY_MECHANISM_RSA_OAEP = 4,
    KEY_MECHANISM_ECDH = 5
};

struct key_use {
    enum key_operation operation;
    enum key_mechanism mechanism;
    enum digest_kind hash; /* not of ECDH */
    struct span input;     /* a hash, a sealed text, or a public point */
    struct span label;     /* of OAEP */
    /* What is decrypted or derived is a JWE to the recipient with this header; a signature is bare.
     */
    const struct key *recipient;
    const json_t *header;
};

/* "sign", "decrypt", "derive" */
fallible key_operation_parse(struct span name, enum key_operation *out);
const char *key_operation_name(enum key_operation o);
fallible key_mechanism_parse(struct span name, enum key_mechanism *out);
const char *key_mechanism_name(enum key_mechanism m);
/* "SHA-256" */
fallible key_hash_parse(struct span name, enum digest_kind *out);
const char *key_hash_name(enum digest_kind hash);

/* All of it suits a key of this kind. FAIL_INPUT says what does not. */
fallible key_use_check(const struct key_use *u, const struct key_spec *spec);

/* With stored material in this process. FAIL_INPUT: the input is of no use. */
fallible key_material_use(const struct secret *material, const struct key_spec *spec,
                          const struct key_use *u, struct buf *result);
/* The SPKI of its public half. FAIL_INPUT: it has none. */
fallible key_material_public(const struct secret *material, const struct key_spec *spec,
                             struct buf *spki);
/* What was decrypted or derived, to the recipient. */
fallible key_use_seal(const struct key_use *u, const struct secret *plain, struct buf *result);

#endif
