// SPDX-License-Identifier: Apache-2.0
/*
 * One-sided key agreement: an ephemeral key pair that lives in this call alone. Through EVP_PKEY
 * the same two multiplications take 125 us instead of 75, most of the rest in objects made and
 * taken apart.
 */
#include <openssl/err.h>

#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

static void point_wipep(EC_POINT **p)
{
    EC_POINT_clear_free(*p);
}

static void context_freep(BN_CTX **c)
{
    BN_CTX_free(*c);
}

/* 1 to n - 1. */
static bool make_scalar(const EC_GROUP *group, BIGNUM *d)
{
    BN_set_flags(d, BN_FLG_CONSTTIME);
    do {
        if (BN_priv_rand_range(d, EC_GROUP_get0_order(group)) != 1)
            return false;
    } while (BN_is_zero(d));
    return true;
}

static bool agree(const struct curve *c, const EC_GROUP *group, struct span peer, uint8_t *point,
                  uint8_t *z)
{
    BN_CTX *context owned(context_free) = BN_CTX_secure_new();
    BIGNUM *d owned(BN_clear_free) = BN_secure_new(), *x owned(BN_clear_free) = BN_secure_new();
    EC_POINT *own owned(EC_POINT_free) = EC_POINT_new(group),
                  *q owned(EC_POINT_free) = EC_POINT_new(group);
    EC_POINT *shared owned(point_wipe) = EC_POINT_new(group);

    return context && d && x && own && q && shared && make_scalar(group, d) &&
           EC_POINT_mul(group, own, d, NULL, NULL, context) == 1 &&
           EC_POINT_point2oct(group, own, POINT_CONVERSION_UNCOMPRESSED, point, curve_point_size(c),
                              context) == curve_point_size(c) &&
           EC_POINT_oct2point(group, q, peer.at, peer.len, context) == 1 &&
           EC_POINT_mul(group, shared, NULL, q, d, context) == 1 &&
           EC_POINT_get_affine_coordinates(group, shared, x, NULL, context) ==
               1 && /* not at infinity */
           BN_bn2binpad(x, z, (int)c->size) == (int)c->size;
}

fallible ec_agree_ephemeral(const struct key *peer, struct key **ephemeral, struct secret **out)
{
    const struct curve *c = curve_of(peer->kind);
    const EC_GROUP *group = c ? curve_group(c) : NULL;
    struct secret *z owned(secret_free) = c ? secret_new(c->size) : NULL;
    uint8_t point[POINT_MAX];

    if (!group || !z)
        return FAIL(SYSTEM, "memory is short");
    if (!agree(c, group, span_from(peer->point, peer->point_len), point, secret_fill(z))) {
        ERR_clear_error();
        return FAIL(SYSTEM, "key agreement failed");
    }
    TRY(key_from_point(peer->kind, span_from(point, curve_point_size(c)), ephemeral));
    *out = TAKE(z);
    return OK;
}

/* Points were checked to be on their curve when the keys were made, and these curves have no other
 * points: OpenSSL's own check of the peer, as costly as the agreement, would say the same. */
fallible ec_agree(const struct key *own, const struct key *peer, struct secret **out)
{
    const struct curve *c = curve_of(own->kind);

    if (!c || own->kind != peer->kind || !own->is_private)
        return FAIL(INPUT, "keys that cannot agree on anything");
    EVP_PKEY *a = key_pkey(own), *b = key_pkey(peer);
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        a ? EVP_PKEY_CTX_new_from_pkey(NULL, a, NULL) : NULL;
    size_t len = c->size;
    struct secret *z owned(secret_free) = secret_new(len);

    if (!ctx || !b || !z || EVP_PKEY_derive_init(ctx) != 1 ||
        EVP_PKEY_derive_set_peer_ex(ctx, b, 0) != 1 ||
        EVP_PKEY_derive(ctx, secret_fill(z), &len) != 1 || len != secret_len(z)) {
        ERR_clear_error();
        return FAIL(SYSTEM, "key agreement failed");
    }
    *out = TAKE(z);
    return OK;
}
