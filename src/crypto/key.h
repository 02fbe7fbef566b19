// SPDX-License-Identifier: Apache-2.0
/*
 * Asymmetric keys. A struct key is public or private; private parts live in OpenSSL's memory, which
 * programs that hold keys lock (crypto_start). Encodings: SPKI and PKCS#8 DER, PEM of any private
 * form (PKCS#8, PKCS#1, SEC1), raw SEC1 points, JWK (RFC 7517).
 */
#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include "base/bounds.h"
#include "base/json.h"
#include "crypto/secret.h"

#define P256_POINT_SIZE 65 /* 04 || x || y */
#define RSA_BITS_MIN 2048

enum key_kind { KEY_RSA, KEY_P256, KEY_P384, KEY_P521 };

struct key;

void key_free(struct key *k);
OWNED_TYPE(struct key, key_free)
struct key *key_ref(struct key *k); /* shares; free each */

fallible key_make_rsa(unsigned bits, struct key **out);
fallible key_make_ec(enum key_kind curve, struct key **out);

enum key_kind key_kind_of(const struct key *k);
unsigned key_bits(const struct key *k);
bool key_is_private(const struct key *k);
bool key_same_public(const struct key *a, const struct key *b);

fallible key_from_spki(struct span der, struct key **out);
fallible key_to_spki(const struct key *k, struct buf *out);
fallible key_from_pkcs8(const struct secret *der, struct key **out); /* private */
/* DER of any private form. */
fallible key_from_der(const struct secret *der, struct key **out);
fallible key_to_pkcs8(const struct key *k, struct secret **out);
fallible key_from_pem(const struct secret *pem,
                      struct key **out); /* private; encrypted PEM is refused */
fallible key_to_pem(const struct key *k, struct secret **out); /* PKCS#8 */
fallible key_load(const char *path, struct key **out);         /* private PEM file of mode 0600 */
fallible key_save(const char *path, const struct key *k);      /* created 0600 */

/* EC only. `x || y` of a P-256 key must be a point on the curve other than infinity. */
fallible key_from_p256_xy(struct span xy, struct key **out);
fallible key_from_point(enum key_kind curve, struct span sec1, struct key **out);
fallible key_to_point(const struct key *k, struct buf *out); /* 04 || x || y */
/* Big-endian; the modulus within RSA_BITS_MIN and RSA_BITS_MAX. */
fallible key_from_rsa_public(struct span modulus, struct span exponent, struct key **out);
/* Private keys from their numbers, big-endian, as an HSM gives them. RSA: n, e, d, p, q, d mod p-1,
 * d mod q-1, 1/q mod p. */
#define RSA_PARTS 8
fallible key_from_rsa_private(const struct span parts[RSA_PARTS], struct key **out);
fallible key_from_ec_number(enum key_kind curve, struct span scalar, struct key **out);
/* Big-endian without leading zeros: RSA modulus and public exponent. */
fallible key_rsa_public(const struct key *k, struct buf *modulus, struct buf *exponent);

/* Public JWK: {"kty","crv","x","y"} or {"kty","n","e"}; private members in the input are refused
 * (L50). */
fallible key_from_jwk(const json_t *jwk, struct key **out);
fallible key_to_jwk(const struct key *k, json_t **out);
/* RFC 7638 SHA-256 thumbprint, base64url: our kid. 43 characters and NUL. */
#define THUMBPRINT_TEXT_SIZE 44
fallible key_thumbprint(const struct key *k, char out[THUMBPRINT_TEXT_SIZE]);

#endif
