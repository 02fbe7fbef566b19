// SPDX-License-Identifier: Apache-2.0
/*
 * Inside a key. An EC key keeps its public point as bytes, so that encodings, comparison and the
 * thumbprint need no OpenSSL object, and a low-level verification key, because making an EVP_PKEY
 * from a point costs a third of a P-256 verification in OpenSSL 3.0 (measured: 23 of 69 us, against
 * 3). The EVP_PKEY of a public EC key is made when first asked for.
 */
#ifndef CRYPTO_KEY_INTERNAL_H
#define CRYPTO_KEY_INTERNAL_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "crypto/curve_internal.h"
#include "crypto/signature.h"

struct ec_ahead;
struct key {
    enum key_kind kind;
    unsigned bits;
    bool is_private;
    atomic_uint users;
    uint8_t point[POINT_MAX]; /* EC: 04 || x || y */
    size_t point_len;
    struct ec_verifier *verifier; /* EC */
    _Atomic(EVP_PKEY *) pkey;
    _Atomic(struct ec_ahead *) ahead; /* of a private EC key: for one signature */
    struct key_signer signer;         /* where the private half is elsewhere */
};

/* Borrowed; NULL when memory is short. */
EVP_PKEY *key_pkey(const struct key *k);
/* Takes over the EVP_PKEY (an RSA key within RSA_BITS_*, or one of our curves). */
fallible key_adopt(EVP_PKEY *pkey, bool is_private, struct key **out);
/* `private_scalar` in 1 to n - 1, big-endian; the point is computed from it. */
fallible key_from_scalar(const struct curve *c, struct span private_scalar, struct key **out);
enum private_form { PRIVATE_PKCS8, PRIVATE_PKCS1, PRIVATE_SEC1 };
fallible key_from_private_der(enum private_form form, const struct secret *der, struct key **out);

/* An ephemeral key for one agreement with `peer`, an EC key: its public part, and the shared secret
 * (x of the point). */
fallible ec_agree_ephemeral(const struct key *peer, struct key **ephemeral, struct secret **out);
/* The shared x coordinate of a private and a public key of the same curve. */
fallible ec_agree(const struct key *own, const struct key *peer, struct secret **out);

/* ec_verifier.c and ec_sign.c: the files that use OpenSSL's low-level interface. */
fallible ec_verifier_new(const struct curve *c, struct span point, struct ec_verifier **out);
void ec_verifier_free(struct ec_verifier *v);
OWNED_TYPE(struct ec_verifier, ec_verifier_free)
void ec_ahead_free(struct ec_ahead *a);
/* Appends raw r || s of the curve's size. */
fallible ec_sign(const struct key *k, struct span hash, struct buf *out);
/* `hash` is cut to the order's length as ECDSA says; raw r || s of the curve's size. */
fallible ec_verifier_check(struct ec_verifier *v, const struct curve *c, struct span hash,
                           struct span signature, bool *good);

#endif
