// SPDX-License-Identifier: Apache-2.0
/*
 * What kind of key: algorithm and size, with the spellings of the wire. And key material in its one
 * stored form: PKCS#8 DER for RSA and EC, the bare octets for AES. An opaque secret (a password, a
 * certificate, any bytes) is a key of the algorithm OPAQUE: kept and released alike, made by nobody
 * here.
 */
#ifndef KEYS_KEY_SPEC_H
#define KEYS_KEY_SPEC_H

#include "crypto/key.h"

enum key_algorithm {
    KEY_ALGORITHM_RSA = 1,
    KEY_ALGORITHM_EC = 2,
    KEY_ALGORITHM_AES = 3,
    KEY_ALGORITHM_OPAQUE = 4
};

struct key_spec {
    enum key_algorithm algorithm;
    unsigned bits; /* RSA 2048 3072 4096, EC 256 384 521, AES 128 256; OPAQUE: eight times its
                      bytes, 1 to OPAQUE_SECRET_MAX of them */
};

/* "RSA" and "rsa" are read, "RSA" is written. */
fallible key_algorithm_parse(struct span text, enum key_algorithm *out);
const char *key_algorithm_name(enum key_algorithm a);
/* secp256r1, prime256v1, P-256 and so on; written as secp256r1. */
fallible key_curve_parse(struct span text, unsigned *bits);
const char *key_curve_name(unsigned bits);
fallible key_spec_check(const struct key_spec *spec);
bool key_spec_equal(const struct key_spec *a, const struct key_spec *b);
/* "algorithm" with "key_length", "curve_type" or "size" (bytes). */
void key_spec_describe(const struct key_spec *spec, json_t *into);
/* "pkcs8", "octets" or "secret". */
const char *key_content_type(const struct key_spec *spec);

/* A new key of this kind. */
fallible key_material_make(const struct key_spec *spec, struct secret **out);
/* From what an administrator or a foreign manager gives: PEM or DER (PKCS#8, PKCS#1, SEC1), or
 * for AES 16 or 32 octets or their base64. The size is told by the content; `algorithm` says what
 * is expected. */
fallible key_material_parse(const struct secret *given, enum key_algorithm algorithm,
                            struct secret **out, struct key_spec *spec);
/* Headers for recipients that do not speak our protocol (guests of Confidential Containers): empty,
 * for a JWE with the members of the standard alone, or {"alg": KEY_WRAP_OLD} for one as their old
 * releases read it. A key that leaves so is wrapped once, by us. */
#define KEY_WRAP_OLD "RSA1_5"
bool key_header_is_bare(const json_t *header);
bool key_header_is_old(const json_t *header);
/* Seals stored material to the recipient after checking that it is of this kind. */
fallible key_material_wrap(const struct secret *material, const struct key_spec *spec,
                           const struct key *recipient, const json_t *header, struct buf *jwe);

#endif
