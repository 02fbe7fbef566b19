// SPDX-License-Identifier: Apache-2.0
/* ECDSA verification on OpenSSL's low-level keys, for their cost (key_internal.h); deprecated, but
 * not gone, in 3.x. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdatomic.h>

#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

/* Many keys never verify anything: the EC_KEY, with its copy of the group, is made at the first
 * use. */
struct ec_verifier {
    EC_POINT *point;
    _Atomic(EC_KEY *) key;
};

fallible ec_verifier_new(const struct curve *c, struct span point, struct ec_verifier **out)
{
    const EC_GROUP *group = curve_group(c);
    struct ec_verifier *v owned(ec_verifier_free) = calloc(1, sizeof *v);

    if (!group || !v || !(v->point = EC_POINT_new(group)))
        return FAIL(SYSTEM, "memory is short");
    if (point.len != curve_point_size(c) || point.at[0] != 4 ||
        EC_POINT_oct2point(group, v->point, point.at, point.len, NULL) != 1 ||
        EC_POINT_is_at_infinity(group, v->point)) {
        ERR_clear_error();
        return FAIL(INPUT, "not a point of the curve (SEC 1 section 2.3.4)");
    }
    *out = TAKE(v);
    return OK;
}

void ec_verifier_free(struct ec_verifier *v)
{
    if (!v)
        return;
    EC_POINT_free(v->point);
    EC_KEY_free(v->key);
    free(v);
}

/* Borrowed; NULL when memory is short. The first one made stays. */
static EC_KEY *key_of(struct ec_verifier *v, const struct curve *c)
{
    EC_KEY *there = atomic_load(&v->key);

    if (there)
        return there;
    EC_KEY *made = EC_KEY_new();
    if (!made || EC_KEY_set_group(made, curve_group(c)) != 1 ||
        EC_KEY_set_public_key(made, v->point) != 1) {
        EC_KEY_free(made);
        return NULL;
    }
    if (!atomic_compare_exchange_strong(&v->key, &there, made)) {
        EC_KEY_free(made);
        return there;
    }
    return made;
}

static fallible read_signature(const struct curve *c, struct span signature, ECDSA_SIG **out)
{
    ECDSA_SIG *parsed owned(ECDSA_SIG_free) = ECDSA_SIG_new();
    BIGNUM *r owned(BN_clear_free) = BN_bin2bn(signature.at, (int)c->size, NULL);
    BIGNUM *s owned(BN_clear_free) =
        BN_bin2bn(span_tail(signature, c->size).at, (int)c->size, NULL);

    if (!parsed || !r || !s || ECDSA_SIG_set0(parsed, r, s) != 1)
        return FAIL(SYSTEM, "memory is short");
    r = s = NULL; /* the signature's now */
    *out = TAKE(parsed);
    return OK;
}

fallible ec_verifier_check(struct ec_verifier *v, const struct curve *c, struct span hash,
                           struct span signature, bool *good)
{
    ECDSA_SIG *parsed owned(ECDSA_SIG_free) = NULL;

    if (signature.len != 2 * c->size) {
        *good = false;
        return OK;
    }
    TRY(read_signature(c, signature, &parsed));
    EC_KEY *key = key_of(v, c);
    if (!key)
        return FAIL(SYSTEM, "memory is short");
    /* r or s of zero or at least n: 0, as any other bad signature. */
    int rc = ECDSA_do_verify(hash.at, (int)hash.len, parsed, key);
    if (rc != 1)
        ERR_clear_error();
    if (rc < 0)
        return FAIL(SYSTEM, "ECDSA verification failed to run");
    *good = rc == 1;
    return OK;
}
