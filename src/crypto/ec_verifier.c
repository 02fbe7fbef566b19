// SPDX-License-Identifier: Apache-2.0
/* ECDSA verification on OpenSSL's low-level keys, for their cost (key_internal.h); deprecated, but
 * not gone, in 3.x. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

struct ec_verifier {
    EC_KEY *key;
};

fallible ec_verifier_new(const struct curve *c, struct span point, struct ec_verifier **out)
{
    const EC_GROUP *group = curve_group(c);
    EC_POINT *q owned(EC_POINT_free) = group ? EC_POINT_new(group) : NULL;
    struct ec_verifier *v owned(ec_verifier_free) = calloc(1, sizeof *v);

    if (!q || !v)
        return FAIL(SYSTEM, "memory is short");
    if (point.len != curve_point_size(c) || point.at[0] != 4 ||
        EC_POINT_oct2point(group, q, point.at, point.len, NULL) != 1 ||
        EC_POINT_is_at_infinity(group, q)) {
        ERR_clear_error();
        return FAIL(INPUT, "not a point of the curve (SEC 1 section 2.3.4)");
    }
    v->key = EC_KEY_new();
    if (!v->key || EC_KEY_set_group(v->key, group) != 1 || EC_KEY_set_public_key(v->key, q) != 1)
        return FAIL(SYSTEM, "memory is short");
    *out = TAKE(v);
    return OK;
}

void ec_verifier_free(struct ec_verifier *v)
{
    if (v)
        EC_KEY_free(v->key);
    free(v);
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

fallible ec_verifier_check(const struct ec_verifier *v, const struct curve *c, struct span hash,
                           struct span signature, bool *good)
{
    ECDSA_SIG *parsed owned(ECDSA_SIG_free) = NULL;

    if (signature.len != 2 * c->size) {
        *good = false;
        return OK;
    }
    TRY(read_signature(c, signature, &parsed));
    /* r or s of zero or at least n: 0, as any other bad signature. */
    int rc = ECDSA_do_verify(hash.at, (int)hash.len, parsed, v->key);
    if (rc != 1)
        ERR_clear_error();
    if (rc < 0)
        return FAIL(SYSTEM, "ECDSA verification failed to run");
    *good = rc == 1;
    return OK;
}
