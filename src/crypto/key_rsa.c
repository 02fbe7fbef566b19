// SPDX-License-Identifier: Apache-2.0
/* RSA keys from their numbers, and the numbers from keys. */
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "crypto/context_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

#define EXPONENT_BITS_MAX 64

static fallible make(OSSL_PARAM_BLD *build, int selection, EVP_PKEY **out)
{
    OSSL_PARAM *params owned(OSSL_PARAM_free) = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        EVP_PKEY_CTX_new_from_name(crypto_context(), "RSA", NULL);
    EVP_PKEY *pkey = NULL;

    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1)
        return FAIL(SYSTEM, "memory is short");
    if (EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1) {
        ERR_clear_error();
        return FAIL(INPUT, "not an RSA key");
    }
    *out = pkey;
    return OK;
}

/* L16: sizes are bounded before any arithmetic. */
static fallible check_public(const BIGNUM *n, const BIGNUM *e)
{
    if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX || !BN_is_odd(n))
        return FAIL(INPUT, "RSA modulus outside 2048 to 4096 bits");
    if (BN_num_bits(e) < 2 || BN_num_bits(e) > EXPONENT_BITS_MAX || !BN_is_odd(e))
        return FAIL(INPUT, "RSA public exponent");
    return OK;
}

static BIGNUM *number_of(struct span big_endian, bool secure)
{
    BIGNUM *to = secure ? BN_secure_new() : BN_new();

    if (big_endian.len > RSA_BITS_MAX / 8 + 1 || !to ||
        !BN_bin2bn(big_endian.at, (int)big_endian.len, to)) {
        BN_free(to);
        return NULL;
    }
    return to;
}

fallible key_from_rsa_public(struct span modulus, struct span exponent, struct key **out)
{
    EVP_PKEY *pkey = NULL;
    BIGNUM *n owned(BN_clear_free) = number_of(modulus, false);
    BIGNUM *e owned(BN_clear_free) = number_of(exponent, false);
    OSSL_PARAM_BLD *build owned(OSSL_PARAM_BLD_free) = OSSL_PARAM_BLD_new();

    if (!n || !e || !build)
        return FAIL(INPUT, "RSA modulus outside 2048 to 4096 bits");
    TRY(check_public(n, e));
    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return FAIL(SYSTEM, "memory is short");
    TRY(make(build, EVP_PKEY_PUBLIC_KEY, &pkey));
    return key_adopt(pkey, false, out);
}

struct numbers {
    BIGNUM *at[RSA_PARTS];
};

static void numbers_donep(struct numbers *n)
{
    for (size_t i = 0; i < RSA_PARTS; i++)
        BN_clear_free(n->at[i]);
}

/* p * q = n, and d inverts e modulo both: numbers that do not fit together must not become a key.
 */
static fallible check_private(const struct numbers *n)
{
    struct numbers t owned(numbers_done) = { 0 };
    BN_CTX *ctx = BN_CTX_secure_new();
    bool fits = ctx != NULL;

    for (size_t i = 0; i < 3; i++) {
        t.at[i] = BN_secure_new();
        fits = fits && t.at[i];
    }
    fits = fits && BN_mul(t.at[0], n->at[3], n->at[4], ctx) && BN_cmp(t.at[0], n->at[0]) == 0;
    for (size_t i = 3; fits && i <= 4; i++) {
        fits = BN_copy(t.at[1], n->at[i]) && BN_sub_word(t.at[1], 1) && !BN_is_zero(t.at[1]) &&
               BN_mod_mul(t.at[2], n->at[1], n->at[2], t.at[1], ctx) && BN_is_one(t.at[2]) &&
               BN_mod(t.at[2], n->at[2], t.at[1], ctx) && BN_cmp(t.at[2], n->at[i + 2]) == 0;
    }
    fits = fits && BN_mod_mul(t.at[2], n->at[4], n->at[7], n->at[3], ctx) && BN_is_one(t.at[2]);
    BN_CTX_free(ctx);
    return fits ? OK : FAIL(INPUT, "the parts of the RSA key do not fit together");
}

fallible key_from_rsa_private(const struct span parts[RSA_PARTS], struct key **out)
{
    static const char *const names[RSA_PARTS] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    EVP_PKEY *pkey = NULL;
    struct numbers n owned(numbers_done) = { 0 };
    OSSL_PARAM_BLD *build owned(OSSL_PARAM_BLD_free) = OSSL_PARAM_BLD_new();

    for (size_t i = 0; i < RSA_PARTS; i++) {
        n.at[i] = number_of(parts[i], i >= 2);
        if (!n.at[i] || BN_is_zero(n.at[i]))
            return FAIL(INPUT, "the parts of the RSA key do not fit together");
    }
    TRY(check_public(n.at[0], n.at[1]));
    TRY(check_private(&n));
    for (size_t i = 0; i < RSA_PARTS; i++) {
        if (!build || OSSL_PARAM_BLD_push_BN(build, names[i], n.at[i]) != 1)
            return FAIL(SYSTEM, "memory is short");
    }
    TRY(make(build, EVP_PKEY_KEYPAIR, &pkey));
    return key_adopt(pkey, true, out);
}

static fallible add_number(const EVP_PKEY *pkey, const char *name, struct buf *out)
{
    BIGNUM *n owned(BN_clear_free) = NULL;
    uint8_t bytes[RSA_BITS_MAX / 8];

    if (EVP_PKEY_get_bn_param(pkey, name, &n) != 1 || BN_num_bytes(n) > (int)sizeof bytes)
        return FAIL(SYSTEM, "the RSA key has no public part");
    buf_add(out, span_from(bytes, (size_t)BN_bn2bin(n, bytes)));
    return buf_check(out);
}

fallible key_rsa_public(const struct key *k, struct buf *modulus, struct buf *exponent)
{
    if (k->kind != KEY_RSA)
        return FAIL(INPUT, "not an RSA key");
    TRY(add_number(k->pkey, OSSL_PKEY_PARAM_RSA_N, modulus));
    return add_number(k->pkey, OSSL_PKEY_PARAM_RSA_E, exponent);
}
