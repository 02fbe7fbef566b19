// SPDX-License-Identifier: Apache-2.0
#include "crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "crypto/der_internal.h"
#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"

#define SPKI_MAX 1024

void key_free(struct key *k)
{
    if (!k || atomic_fetch_sub(&k->users, 1) != 1)
        return;
    EVP_PKEY_free(k->pkey);
    ec_ahead_free(k->ahead);
    ec_verifier_free(k->verifier);
    free(k);
}

struct key *key_ref(struct key *k)
{
    atomic_fetch_add(&k->users, 1);
    return k;
}

static struct key *key_new(enum key_kind kind)
{
    struct key *k = calloc(1, sizeof *k);

    if (k) {
        k->kind = kind;
        atomic_init(&k->users, 1);
    }
    return k;
}

fallible key_from_point(enum key_kind curve, struct span sec1, struct key **out)
{
    const struct curve *c = curve_of(curve);
    struct key *k owned(key_free) = key_new(curve);

    if (!k)
        return FAIL(SYSTEM, "memory is short");
    if (!c || sec1.len != curve_point_size(c))
        return FAIL(INPUT, "not an uncompressed point (SEC 1 section 2.3.4)");
    TRY(ec_verifier_new(c, sec1, &k->verifier));
    memcpy(k->point, sec1.at, sec1.len);
    k->point_len = sec1.len;
    k->bits = c->bits;
    *out = TAKE(k);
    return OK;
}

fallible key_from_p256_xy(struct span xy, struct key **out)
{
    uint8_t point[P256_POINT_SIZE] = { 4 };

    if (xy.len != sizeof point - 1)
        return FAIL(INPUT, "not the coordinates of a P-256 point");
    memcpy(point + 1, xy.at, xy.len);
    return key_from_point(KEY_P256, SPAN_OF(point), out);
}

static EVP_PKEY *make_public_pkey(const struct key *k)
{
    const struct curve *c = curve_of(k->kind);
    EVP_PKEY *pkey = EVP_PKEY_new();

    if (pkey && EVP_PKEY_copy_parameters(pkey, curve_parameters(c)) == 1 &&
        EVP_PKEY_set1_encoded_public_key(pkey, k->point, k->point_len) == 1)
        return pkey;
    EVP_PKEY_free(pkey);
    return NULL;
}

/* A key is constant to its users; the object made on demand is a cache, and the first one stays. */
EVP_PKEY *key_pkey(const struct key *k)
{
    struct key *own = (struct key *)k;
    EVP_PKEY *there = atomic_load(&own->pkey);

    if (there)
        return there;
    EVP_PKEY *made = make_public_pkey(k);
    if (made && !atomic_compare_exchange_strong(&own->pkey, &there, made)) {
        EVP_PKEY_free(made);
        return there;
    }
    return made;
}

/* 04 || x || y of an EVP_PKEY, whatever point format it prefers. */
static fallible point_of(const EVP_PKEY *pkey, const struct curve *c, uint8_t point[POINT_MAX])
{
    BIGNUM *x owned(BN_clear_free) = NULL, *y owned(BN_clear_free) = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1)
        return FAIL(SYSTEM, "the key has no public point");
    point[0] = 4;
    if (BN_bn2binpad(x, point + 1, (int)c->size) < 0 ||
        BN_bn2binpad(y, point + 1 + c->size, (int)c->size) < 0)
        return FAIL(SYSTEM, "the key has no public point");
    return OK;
}

static fallible adopt_ec(EVP_PKEY *pkey, struct key **out)
{
    char name[32] = "";
    const struct curve *c = NULL;
    uint8_t point[POINT_MAX];

    if (EVP_PKEY_get_group_name(pkey, name, sizeof name, NULL) == 1) {
        for (enum key_kind kind = KEY_P256; kind <= KEY_P521 && !c; kind++) {
            if (OBJ_txt2nid(name) == curve_of(kind)->nid)
                c = curve_of(kind);
        }
    }
    if (!c)
        return FAIL(INPUT, "elliptic curve other than P-256, P-384 or P-521");
    TRY(point_of(pkey, c, point));
    return key_from_point(c->kind, span_from(point, curve_point_size(c)), out);
}

static fallible adopt_rsa(EVP_PKEY *pkey, struct key **out)
{
    int bits = EVP_PKEY_get_bits(pkey);
    struct key *k = NULL;

    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return FAIL(INPUT, "RSA modulus outside 2048 to 4096 bits");
    k = key_new(KEY_RSA);
    if (!k)
        return FAIL(SYSTEM, "memory is short");
    k->bits = (unsigned)bits;
    *out = k;
    return OK;
}

fallible key_adopt(EVP_PKEY *given, bool is_private, struct key **out)
{
    EVP_PKEY *pkey owned(EVP_PKEY_free) = given;
    struct key *k owned(key_free) = NULL;

    if (EVP_PKEY_is_a(pkey, "RSA"))
        TRY(adopt_rsa(pkey, &k));
    else if (EVP_PKEY_is_a(pkey, "EC"))
        TRY(adopt_ec(pkey, &k));
    else
        return FAIL(INPUT, "neither an RSA nor an EC key");
    k->pkey = TAKE(pkey);
    k->is_private = is_private;
    *out = TAKE(k);
    return OK;
}

fallible key_make_rsa(unsigned bits, struct key **out)
{
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return FAIL(INPUT, "RSA modulus outside 2048 to 4096 bits");
    EVP_PKEY *pkey = EVP_RSA_gen(bits);
    return pkey ? key_adopt(pkey, true, out) : FAIL(SYSTEM, "cannot make an RSA key");
}

fallible key_make_ec(enum key_kind curve, struct key **out)
{
    const struct curve *c = curve_of(curve);

    if (!c)
        return FAIL(INPUT, "not a curve");
    EVP_PKEY *pkey = NULL, *parameters = curve_parameters(c);
    EVP_PKEY_CTX *ctx owned(EVP_PKEY_CTX_free) =
        parameters ? EVP_PKEY_CTX_new_from_pkey(NULL, parameters, NULL) : NULL;
    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_generate(ctx, &pkey) != 1)
        return FAIL(SYSTEM, "cannot make an EC key");
    return key_adopt(pkey, true, out);
}

enum key_kind key_kind_of(const struct key *k)
{
    return k->kind;
}

unsigned key_bits(const struct key *k)
{
    return k->bits;
}

bool key_is_private(const struct key *k)
{
    return k->is_private;
}

bool key_same_public(const struct key *a, const struct key *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind != KEY_RSA)
        return span_equal(span_from(a->point, a->point_len), span_from(b->point, b->point_len));
    return EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

fallible key_to_point(const struct key *k, struct buf *out)
{
    if (k->kind == KEY_RSA)
        return FAIL(INPUT, "an RSA key has no point");
    buf_add(out, span_from(k->point, k->point_len));
    return buf_check(out);
}

/* RFC 5480 section 2, RFC 8017 appendix A.1. */
static const struct span ec_oid = { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x02\x01", 7 };
static const struct span rsa_oid = { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 };

static fallible rsa_from_bits(struct span bits, struct key **out)
{
    struct reader r = reader_of(bits);
    struct reader sequence = der_enter(&r, DER_SEQUENCE);
    struct span n = der_unsigned(&sequence);
    struct span e = der_unsigned(&sequence);

    TRY(reader_end(&sequence, "RSAPublicKey (RFC 8017 A.1.1)"));
    TRY(reader_end(&r, "RSAPublicKey (RFC 8017 A.1.1)"));
    return key_from_rsa_public(n, e, out);
}

fallible key_from_spki(struct span der, struct key **out)
{
    struct reader r = reader_of(der);
    struct reader spki = der_enter(&r, DER_SEQUENCE);
    struct reader algorithm = der_enter(&spki, DER_SEQUENCE);
    struct span oid = der_value(&algorithm, DER_OID);
    bool ec = span_equal(oid, ec_oid);
    struct span parameter = der_value(&algorithm, ec ? DER_OID : DER_NULL);
    struct span bits = der_bits(&spki);

    TRY(reader_end(&algorithm, "public key of an unknown kind"));
    TRY(reader_end(&spki, "SubjectPublicKeyInfo (RFC 5280 4.1)"));
    TRY(reader_end(&r, "SubjectPublicKeyInfo (RFC 5280 4.1)"));
    if (ec) {
        const struct curve *c = curve_by_oid(parameter);
        return c ? key_from_point(c->kind, bits, out)
                 : FAIL(INPUT, "elliptic curve other than P-256, P-384 or P-521");
    }
    if (!span_equal(oid, rsa_oid) || parameter.len)
        return FAIL(INPUT, "neither an RSA nor an EC key");
    return rsa_from_bits(bits, out);
}

static fallible put_rsa_bits(struct der_writer *w, const struct key *k)
{
    struct buf n owned(buf_done) = buf_of(RSA_BITS_MAX / 8),
                 e owned(buf_done) = buf_of(RSA_BITS_MAX / 8);

    TRY(key_rsa_public(k, &n, &e));
    size_t all = der_mark(w);
    der_put_unsigned(w, buf_span(&e));
    der_put_unsigned(w, buf_span(&n));
    der_wrap(w, DER_SEQUENCE, all);
    der_put_u8(w, 0);
    der_wrap(w, DER_BIT_STRING, all);
    return OK;
}

fallible key_to_spki(const struct key *k, struct buf *out)
{
    uint8_t room[SPKI_MAX];
    struct der_writer w = der_writer_of(room, sizeof room);
    bool rsa = k->kind == KEY_RSA;

    size_t all = der_mark(&w);
    if (rsa)
        TRY(put_rsa_bits(&w, k));
    else
        der_put_bits(&w, span_from(k->point, k->point_len));
    size_t algorithm = der_mark(&w);
    der_put_value(&w, rsa ? DER_NULL : DER_OID, rsa ? (struct span){ 0 } : curve_of(k->kind)->oid);
    der_put_value(&w, DER_OID, rsa ? rsa_oid : ec_oid);
    der_wrap(&w, DER_SEQUENCE, algorithm);
    der_wrap(&w, DER_SEQUENCE, all);
    if (w.failed)
        return FAIL(LIMIT, "public key too large");
    buf_add(out, der_written(&w));
    return buf_check(out);
}
