// SPDX-License-Identifier: Apache-2.0
/*
 * Private keys in PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) and SEC1 (RFC 5915). Our own DER, because
 * OpenSSL 3.0's decoders and encoders leave copies in ordinary memory.
 */
#include <openssl/core_names.h>

#include "crypto/der_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

#define PKCS8_MAX 4096

static const struct span ec_oid = { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x02\x01", 7 };
static const struct span rsa_oid = { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 };

fallible key_from_scalar(const struct curve *c, struct span scalar, struct key **out)
{
    const EC_GROUP *group = curve_group(c);
    BIGNUM *d owned(BN_clear_free) = BN_secure_new();
    EC_POINT *q owned(EC_POINT_free) = group ? EC_POINT_new(group) : NULL;
    OSSL_PARAM_BLD *build owned(OSSL_PARAM_BLD_free) = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    uint8_t point[POINT_MAX];
    EVP_PKEY *pkey = NULL;

    if (!d || !q || !build || !ctx || !BN_bin2bn(scalar.at, (int)scalar.len, d))
        return FAIL(SYSTEM, "memory is short");
    BN_set_flags(d, BN_FLG_CONSTTIME);
    if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
        return FAIL(INPUT, "EC private key outside 1 to n - 1");
    if (EC_POINT_mul(group, q, d, NULL, NULL, NULL) != 1 ||
        EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL) !=
            curve_point_size(c))
        return FAIL(SYSTEM, "cannot compute the public point");
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, c->name, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         curve_point_size(c)) != 1 ||
        OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, d, c->size) != 1)
        return FAIL(SYSTEM, "memory is short");
    OSSL_PARAM *params owned(OSSL_PARAM_free) = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        return FAIL(SYSTEM, "cannot make the EC key");
    return key_adopt(pkey, true, out);
}

fallible key_from_ec_number(enum key_kind curve, struct span scalar, struct key **out)
{
    const struct curve *c = curve_of(curve);
    return c && scalar.len && scalar.len <= c->size
               ? key_from_scalar(c, scalar, out)
               : FAIL(INPUT, "EC private key of an unknown curve or of the wrong length");
}

/* RSAPrivateKey with two primes. */
static fallible parse_pkcs1(struct span der, struct key **out)
{
    struct reader r = reader_of(der);
    struct reader sequence = der_enter(&r, DER_SEQUENCE);
    struct span parts[RSA_PARTS];

    (void)der_small(&sequence, 0);
    for (size_t i = 0; i < RSA_PARTS; i++)
        parts[i] = der_unsigned(&sequence);
    TRY(reader_end(&sequence, "RSAPrivateKey (RFC 8017 A.1.2)"));
    TRY(reader_end(&r, "RSAPrivateKey (RFC 8017 A.1.2)"));
    return key_from_rsa_private(parts, out);
}

/* ECPrivateKey; the curve stands inside (SEC1 file) or outside (PKCS#8), or both alike. */
static fallible parse_sec1(struct span der, const struct curve *outer, struct key **out)
{
    struct reader r = reader_of(der);
    struct reader sequence = der_enter(&r, DER_SEQUENCE);
    struct span inner_oid = { 0 }, point = { 0 };
    struct key *k owned(key_free) = NULL;

    reader_require(&sequence, der_small(&sequence, 1) == 1);
    struct span scalar = der_value(&sequence, DER_OCTET_STRING);
    if (der_next_is(&sequence, DER_CONTEXT_CONSTRUCTED(0))) {
        struct reader parameters = der_enter(&sequence, DER_CONTEXT_CONSTRUCTED(0));
        inner_oid = der_value(&parameters, DER_OID);
        TRY(reader_end(&parameters, "EC parameters (RFC 5915 section 3)"));
    }
    if (der_next_is(&sequence, DER_CONTEXT_CONSTRUCTED(1))) {
        struct reader public = der_enter(&sequence, DER_CONTEXT_CONSTRUCTED(1));
        point = der_bits(&public);
        TRY(reader_end(&public, "EC public key (RFC 5915 section 3)"));
    }
    TRY(reader_end(&sequence, "ECPrivateKey (RFC 5915 section 3)"));
    TRY(reader_end(&r, "ECPrivateKey (RFC 5915 section 3)"));
    const struct curve *c = inner_oid.len ? curve_by_oid(inner_oid) : outer;
    if (!c || (outer && outer != c) || scalar.len != c->size)
        return FAIL(INPUT, "EC private key of an unknown curve or of the wrong length");
    TRY(key_from_scalar(c, scalar, &k));
    if (point.len && !span_equal(point, span_from(k->point, k->point_len)))
        return FAIL(INPUT, "EC private and public key do not fit together");
    *out = TAKE(k);
    return OK;
}

fallible key_from_pkcs8(const struct secret *der, struct key **out)
{
    struct reader r = reader_of(secret_expose(der));
    struct reader info = der_enter(&r, DER_SEQUENCE);
    uint32_t version = der_small(&info, 1);
    struct reader algorithm = der_enter(&info, DER_SEQUENCE);
    struct span oid = der_value(&algorithm, DER_OID);
    bool ec = span_equal(oid, ec_oid);
    struct span parameter = der_value(&algorithm, ec ? DER_OID : DER_NULL);
    struct span content = der_value(&info, DER_OCTET_STRING);

    if (der_next_is(&info, DER_CONTEXT_CONSTRUCTED(0))) /* attributes: nothing for us */
        (void)der_value(&info, DER_CONTEXT_CONSTRUCTED(0));
    if (version == 1 &&
        der_next_is(&info, DER_CONTEXT(1))) /* the public key is computed, not read */
        (void)der_value(&info, DER_CONTEXT(1));
    TRY(reader_end(&algorithm, "private key of an unknown kind"));
    TRY(reader_end(&info, "PrivateKeyInfo (RFC 5958 section 2)"));
    TRY(reader_end(&r, "PrivateKeyInfo (RFC 5958 section 2)"));
    if (ec) {
        const struct curve *c = curve_by_oid(parameter);
        return c ? parse_sec1(content, c, out)
                 : FAIL(INPUT, "elliptic curve other than P-256, P-384 or P-521");
    }
    return span_equal(oid, rsa_oid) ? parse_pkcs1(content, out)
                                    : FAIL(INPUT, "neither an RSA nor an EC key");
}

fallible key_from_private_der(enum private_form form, const struct secret *der, struct key **out)
{
    switch (form) {
    case PRIVATE_PKCS8:
        return key_from_pkcs8(der, out);
    case PRIVATE_PKCS1:
        return parse_pkcs1(secret_expose(der), out);
    case PRIVATE_SEC1:
        return parse_sec1(secret_expose(der), NULL, out);
    }
    return FAIL(INPUT, "private key of an unknown form");
}

/* After the version comes the algorithm in PKCS#8, the key itself in SEC1, the modulus in PKCS#1.
 */
fallible key_from_der(const struct secret *der, struct key **out)
{
    struct reader r = reader_of(secret_expose(der));
    struct reader sequence = der_enter(&r, DER_SEQUENCE);

    (void)der_small(&sequence, 1);
    if (der_next_is(&sequence, DER_OCTET_STRING))
        return parse_sec1(secret_expose(der), NULL, out);
    return der_next_is(&sequence, DER_INTEGER) ? parse_pkcs1(secret_expose(der), out)
                                               : key_from_pkcs8(der, out);
}

static fallible put_number(struct der_writer *w, const EVP_PKEY *pkey, const char *name)
{
    BIGNUM *n owned(BN_clear_free) = BN_secure_new();
    uint8_t bytes[RSA_BITS_MAX / 8];

    if (!n || EVP_PKEY_get_bn_param(pkey, name, &n) != 1 || BN_num_bytes(n) > (int)sizeof bytes)
        return FAIL(SYSTEM, "the key has no private part");
    der_put_unsigned(w, span_from(bytes, (size_t)BN_bn2bin(n, bytes)));
    wipe(bytes, sizeof bytes);
    return OK;
}

static fallible put_pkcs1(struct der_writer *w, const struct key *k)
{
    static const char *const backwards[RSA_PARTS] = {
        OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2,
        OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,
        OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_D,
        OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_N,
    };
    size_t all = der_mark(w);

    for (size_t i = 0; i < RSA_PARTS; i++)
        TRY(put_number(w, k->pkey, backwards[i]));
    der_put_small(w, 0);
    der_wrap(w, DER_SEQUENCE, all);
    return OK;
}

static fallible put_sec1(struct der_writer *w, const struct key *k)
{
    const struct curve *c = curve_of(k->kind);
    BIGNUM *d owned(BN_clear_free) = BN_secure_new();
    uint8_t scalar[COORDINATE_MAX];
    size_t all = der_mark(w);

    if (!d || EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1 ||
        BN_bn2binpad(d, scalar, (int)c->size) < 0)
        return FAIL(SYSTEM, "the key has no private part");
    der_put_bits(w, span_from(k->point, k->point_len));
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), all);
    der_put_value(w, DER_OCTET_STRING, span_from(scalar, c->size));
    der_put_small(w, 1);
    der_wrap(w, DER_SEQUENCE, all);
    wipe(scalar, sizeof scalar);
    return OK;
}

fallible key_to_pkcs8(const struct key *k, struct secret **out)
{
    struct secret *room owned(secret_free) = secret_new(PKCS8_MAX);
    bool rsa = k->kind == KEY_RSA;

    if (!k->is_private)
        return FAIL(INPUT, "not a private key");
    if (!room)
        return FAIL(SYSTEM, "secure memory is exhausted");
    struct der_writer w = der_writer_of(secret_fill(room), PKCS8_MAX);
    size_t all = der_mark(&w);
    TRY(rsa ? put_pkcs1(&w, k) : put_sec1(&w, k));
    der_wrap(&w, DER_OCTET_STRING, all);
    size_t algorithm = der_mark(&w);
    der_put_value(&w, rsa ? DER_NULL : DER_OID, rsa ? (struct span){ 0 } : curve_of(k->kind)->oid);
    der_put_value(&w, DER_OID, rsa ? rsa_oid : ec_oid);
    der_wrap(&w, DER_SEQUENCE, algorithm);
    der_put_small(&w, 0);
    der_wrap(&w, DER_SEQUENCE, all);
    struct secret *der = w.failed ? NULL : secret_copy(der_written(&w));
    if (!der)
        return FAIL(SYSTEM, "secure memory is exhausted");
    *out = der;
    return OK;
}
