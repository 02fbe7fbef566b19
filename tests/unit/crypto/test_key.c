// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "key_samples.h"

static struct key *make(enum key_kind kind)
{
    struct key *k = NULL;

    assert_false(failed(kind == KEY_RSA ? key_make_rsa(2048, &k) : key_make_ec(kind, &k)));
    return k;
}

static void encodings_round_trip(void **state)
{
    (void)state;
    for (enum key_kind kind = KEY_RSA; kind <= KEY_P521; kind++) {
        struct key *k owned(key_free) = make(kind);
        struct key *a owned(key_free) = NULL, *b owned(key_free) = NULL, *c owned(key_free) = NULL, *d owned(key_free) = NULL;
        struct secret *pkcs8 owned(secret_free) = NULL, *pem owned(secret_free) = NULL, *again owned(secret_free) = NULL;
        struct buf spki owned(buf_done) = buf_of(1024);
        json_t *jwk owned(json_free) = NULL;

        assert_true(key_is_private(k));
        assert_int_equal(key_kind_of(k), kind);
        assert_false(failed(key_to_spki(k, &spki)));
        assert_false(failed(key_from_spki(buf_span(&spki), &a)));
        assert_false(failed(key_to_pkcs8(k, &pkcs8)));
        assert_false(failed(key_from_pkcs8(pkcs8, &b)));
        assert_false(failed(key_to_pkcs8(b, &again)));
        assert_true(secret_equal(pkcs8, again));
        assert_false(failed(key_to_pem(k, &pem)));
        assert_false(failed(key_from_pem(pem, &c)));
        assert_false(failed(key_to_jwk(k, &jwk)));
        assert_false(failed(key_from_jwk(jwk, &d)));
        assert_true(key_same_public(k, a) && key_same_public(k, b) && key_same_public(k, c) && key_same_public(k, d));
        assert_true(!key_is_private(a) && key_is_private(b) && key_is_private(c) && !key_is_private(d));
        assert_int_equal(key_bits(a), key_bits(k));
        struct key *other owned(key_free) = make(kind);
        assert_false(key_same_public(k, other));
        assert_true(failed(key_to_pkcs8(a, &again)));
    }
}

/* Every prefix and one trailing byte fail. */
static void cut_and_long_encodings_fail(void **state)
{
    (void)state;
    for (enum key_kind kind = KEY_RSA; kind <= KEY_P521; kind++) {
        struct key *k owned(key_free) = make(kind);
        struct buf spki owned(buf_done) = buf_of(1024);
        struct secret *pkcs8 owned(secret_free) = NULL;
        struct key *none = NULL;

        assert_false(failed(key_to_spki(k, &spki)));
        for (size_t len = 0; len < spki.len; len++)
            assert_int_equal(key_from_spki(span_head(buf_span(&spki), len), &none).kind, FAIL_INPUT);
        buf_add_u8(&spki, 0);
        assert_int_equal(key_from_spki(buf_span(&spki), &none).kind, FAIL_INPUT);
        assert_false(failed(key_to_pkcs8(k, &pkcs8)));
        for (size_t len = 0; len < secret_len(pkcs8); len++) {
            struct secret *cut owned(secret_free) = secret_copy(span_head(secret_expose(pkcs8), len));
            assert_int_equal(key_from_pkcs8(cut, &none).kind, FAIL_INPUT);
        }
        struct secret *longer owned(secret_free) = secret_new(secret_len(pkcs8) + 1);
        memcpy(secret_fill(longer), secret_expose(pkcs8).at, secret_len(pkcs8));
        assert_int_equal(key_from_pkcs8(longer, &none).kind, FAIL_INPUT);
        assert_null(none);
    }
}

static void bad_points(void **state)
{
    (void)state;
    struct key *k owned(key_free) = make(KEY_P256), *good owned(key_free) = NULL;
    struct buf point owned(buf_done) = buf_of(P256_POINT_SIZE);
    uint8_t zeros[64] = { 0 }, ones[64];
    struct key *none = NULL;

    memset(ones, 0xff, sizeof ones);
    assert_false(failed(key_to_point(k, &point)));
    struct span xy = span_tail(buf_span(&point), 1);
    assert_false(failed(key_from_p256_xy(xy, &good)));
    assert_true(key_same_public(k, good));
    assert_int_equal(key_from_p256_xy(SPAN_OF(zeros), &none).kind, FAIL_INPUT);
    assert_int_equal(key_from_p256_xy(SPAN_OF(ones), &none).kind, FAIL_INPUT);
    assert_int_equal(key_from_p256_xy(span_head(xy, 63), &none).kind, FAIL_INPUT);
    assert_int_equal(key_from_p256_xy(buf_span(&point), &none).kind, FAIL_INPUT);
    point.at[40] ^= 1;
    assert_int_equal(key_from_p256_xy(xy, &none).kind, FAIL_INPUT); /* not on the curve */
    point.at[40] ^= 1;
    point.at[0] = 2;
    assert_int_equal(key_from_point(KEY_P256, buf_span(&point), &none).kind, FAIL_INPUT);
    assert_int_equal(key_from_point(KEY_P256, span_head(buf_span(&point), 33), &none).kind, FAIL_INPUT); /* compressed */
    assert_int_equal(key_from_point(KEY_P256, SPAN("\0"), &none).kind, FAIL_INPUT);                       /* infinity */
    assert_int_equal(key_from_point(KEY_P384, buf_span(&point), &none).kind, FAIL_INPUT);
    assert_null(none);
}

/* RFC 7638 section 3.1. */
static void thumbprint_vector(void **state)
{
    (void)state;
    json_t *jwk owned(json_free) = NULL;
    struct key *k owned(key_free) = NULL;
    char text[THUMBPRINT_TEXT_SIZE];

    assert_false(failed(json_parse(SPAN("{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAt"
                                        "VT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArw"
                                        "l93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQv"
                                        "RL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqb"
                                        "w0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}"),
                                   &jwk)));
    assert_false(failed(key_from_jwk(jwk, &k)));
    assert_false(failed(key_thumbprint(k, text)));
    assert_string_equal(text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/* L50: a private member is refused; so is what a public JWK may not be. */
static void refused_jwks(void **state)
{
    (void)state;
#define X "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""
#define Y "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
    static const char *const rows[] = {
        "{\"kty\":\"EC\",\"crv\":\"P-256\"," X "," Y ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\"," X "," Y ",\"d\":null}",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\"," X "," Y "}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\"," X "," Y "}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\"," X "}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\"," X ",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\"," X ",\"y\":\"y_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"ec\",\"crv\":\"P-256\"," X "," Y "}",
        "[]",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *jwk owned(json_free) = NULL;
        struct key *none = NULL;

        assert_false(failed(json_parse(span_str(rows[i]), &jwk)));
        assert_int_equal(key_from_jwk(jwk, &none).kind, FAIL_INPUT);
        assert_null(none);
    }
}

static struct err load_text(const char *text, struct key **out)
{
    struct secret *pem owned(secret_free) = secret_copy(span_str(text));

    return key_from_pem(pem, out);
}

/* PKCS#8, PKCS#1 and SEC1, with and without parameters, as the openssl command writes them. */
static void pem_forms(void **state)
{
    (void)state;
    struct key *a owned(key_free) = NULL, *b owned(key_free) = NULL, *c owned(key_free) = NULL, *d owned(key_free) = NULL;
    struct key *e owned(key_free) = NULL, *f owned(key_free) = NULL;

    assert_false(failed(load_text(sample_key_p256_pkcs8, &a)));
    assert_false(failed(load_text(sample_key_p256_sec1, &b)));
    assert_true(key_same_public(a, b));
    assert_false(failed(load_text(sample_key_p384_params, &c)));
    assert_int_equal(key_kind_of(c), KEY_P384);
    assert_false(failed(load_text(sample_key_p521, &d)));
    assert_int_equal(key_kind_of(d), KEY_P521);
    assert_false(failed(load_text(sample_key_rsa_pkcs8, &e)));
    assert_false(failed(load_text(sample_key_rsa_pkcs1, &f)));
    assert_true(key_same_public(e, f));
    assert_true(key_is_private(a) && key_is_private(c) && key_is_private(f));
}

static void refused_pems(void **state)
{
    (void)state;
    struct key *none = NULL;
    struct buf two owned(buf_done) = buf_of(8192);

    assert_int_equal(load_text(sample_key_encrypted, &none).kind, FAIL_DENIED);
    assert_int_equal(load_text(sample_key_encrypted_old, &none).kind, FAIL_DENIED);
    buf_addf(&two, "%s%s", sample_key_p256_pkcs8, sample_key_p521);
    assert_int_equal(load_text(buf_str(&two), &none).kind, FAIL_INPUT);
    buf_clear(&two);
    buf_addf(&two, "%s%s", sample_key_p256_pkcs8, "x");
    assert_int_equal(load_text(buf_str(&two), &none).kind, FAIL_INPUT);
    assert_int_equal(load_text("", &none).kind, FAIL_INPUT);
    assert_int_equal(load_text("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n", &none).kind, FAIL_INPUT);
    struct span whole = span_str(sample_key_rsa_pkcs1);
    for (size_t len = 0; len + 1 < whole.len; len += 3) {
        struct secret *cut owned(secret_free) = secret_copy(span_head(whole, len));
        assert_true(failed(key_from_pem(cut, &none)));
    }
    assert_null(none);
}

/* A private key whose parts disagree must not become a key: a wrong d signs, and a wrong prime leaks the right one. */
static void parts_that_do_not_fit(void **state)
{
    (void)state;
    for (enum key_kind kind = KEY_RSA; kind <= KEY_P521; kind++) {
        struct key *k owned(key_free) = make(kind);
        struct secret *der owned(secret_free) = NULL;

        assert_false(failed(key_to_pkcs8(k, &der)));
        for (size_t i = 30; i < secret_len(der); i += 41) {
            struct key *changed owned(key_free) = NULL;

            secret_fill(der)[i] ^= 4;
            assert_true(failed(key_from_pkcs8(der, &changed)));
            secret_fill(der)[i] ^= 4;
        }
    }
}

/* L16: modulus and exponent are bounded before any arithmetic. */
static void rsa_size_limits(void **state)
{
    (void)state;
    static const struct {
        size_t modulus, exponent;
        bool accepted;
    } rows[] = { { 256, 3, true }, { 512, 3, true }, { 255, 3, false }, { 513, 3, false }, { 2048, 3, false }, { 256, 8, true }, { 256, 9, false }, { 256, 256, false } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t n[2048], e[2048];
        char *n_text owned(free) = NULL, *e_text owned(free) = NULL;
        json_t *jwk owned(json_free) = json_object();
        struct key *k owned(key_free) = NULL;

        memset(n, 0xff, sizeof n);
        memset(e, 0x01, sizeof e);
        json_set_str(jwk, "kty", "RSA");
        json_set_base64url(jwk, "n", span_from(n, rows[i].modulus));
        json_set_base64url(jwk, "e", span_from(e, rows[i].exponent));
        assert_int_equal(!failed(key_from_jwk(jwk, &k)), rows[i].accepted);
    }
    struct key *none = NULL;
    assert_true(failed(key_make_rsa(1024, &none)));
    assert_true(failed(key_make_rsa(8192, &none)));
}

/* L49, L50: files are private from the start, and a file that others can read is refused. */
static void files(void **state)
{
    (void)state;
    char folder[] = "/tmp/warder-key-XXXXXX";
    char path[64];
    struct key *k owned(key_free) = make(KEY_P256), *again owned(key_free) = NULL, *none = NULL;
    struct stat st;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/key.pem", folder);
    assert_int_equal(key_load(path, &none).kind, FAIL_ABSENT);
    assert_false(failed(key_save(path, k)));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(key_save(path, k).kind, FAIL_CONFLICT);
    assert_false(failed(key_load(path, &again)));
    assert_true(key_same_public(k, again));
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(key_load(path, &none).kind, FAIL_DENIED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_round_trip),
        cmocka_unit_test(cut_and_long_encodings_fail),
        cmocka_unit_test(bad_points),
        cmocka_unit_test(thumbprint_vector),
        cmocka_unit_test(refused_jwks),
        cmocka_unit_test(pem_forms),
        cmocka_unit_test(refused_pems),
        cmocka_unit_test(parts_that_do_not_fit),
        cmocka_unit_test(rsa_size_limits),
        cmocka_unit_test(files),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
