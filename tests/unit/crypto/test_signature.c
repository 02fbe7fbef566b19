// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/crypto.h"
#include "crypto/signature.h"

/* RFC 7515 appendix A.3. */
#define A3_KEY "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define A3_INPUT                                                                                                       \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"    \
    "cnVlfQ"
#define A3_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

static struct key *a3_key(void)
{
    json_t *jwk owned(json_free) = NULL;
    struct key *k = NULL;

    assert_false(failed(json_parse(SPAN(A3_KEY), &jwk)));
    assert_false(failed(key_from_jwk(jwk, &k)));
    return k;
}

static void rfc7515_a3(void **state)
{
    (void)state;
    struct key *k owned(key_free) = a3_key();
    uint8_t signature[64];
    bool good = false;

    assert_false(failed(base64url_parse_exact(SPAN(A3_SIGNATURE), signature, sizeof signature)));
    assert_false(failed(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN(A3_INPUT), SPAN_OF(signature), &good)));
    assert_true(good);
    assert_false(failed(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA384, SPAN(A3_INPUT), SPAN_OF(signature), &good)));
    assert_false(good);
    for (size_t i = 0; i < sizeof signature; i += 7) {
        signature[i] ^= 1;
        good = true;
        assert_false(failed(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN(A3_INPUT), SPAN_OF(signature), &good)));
        assert_false(good);
        signature[i] ^= 1;
    }
}

#define P256_N "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define P256_N_LESS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define P256_N_PLUS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define ALL_ONES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

/* Values outside 1 to n - 1 are "not good", and no failure. */
static void r_and_s_out_of_range(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { ZERO, ZERO }, { ZERO, ONE }, { ONE, ZERO }, { P256_N, ONE }, { ONE, P256_N }, { P256_N, P256_N },
        { P256_N_PLUS_1, ONE }, { ONE, P256_N_PLUS_1 }, { ALL_ONES, ALL_ONES }, { P256_N_LESS_1, P256_N_LESS_1 }, { ONE, ONE },
    };
    struct key *k owned(key_free) = a3_key();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t signature[64];
        bool good = true;

        assert_false(failed(hex_parse_exact(span_str(rows[i][0]), signature, 32)));
        assert_false(failed(hex_parse_exact(span_str(rows[i][1]), signature + 32, 32)));
        assert_false(failed(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("x"), SPAN_OF(signature), &good)));
        assert_false(good);
    }
}

/* n - s signs as well as s: both must pass (quotes carry either). */
static void high_s_is_legal(void **state)
{
    (void)state;
    struct key *k owned(key_free) = a3_key();
    uint8_t signature[64], n[32];
    bool good = false;

    assert_false(failed(base64url_parse_exact(SPAN(A3_SIGNATURE), signature, sizeof signature)));
    assert_false(failed(hex_parse_exact(SPAN(P256_N), n, sizeof n)));
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int v = n[i] - signature[32 + i] - borrow;
        borrow = v < 0;
        signature[32 + i] = (uint8_t)(v & 0xff);
    }
    assert_false(failed(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN(A3_INPUT), SPAN_OF(signature), &good)));
    assert_true(good);
}

#define SIGNATURES 64
#define SIGNERS 4

struct signer {
    const struct key *key;
    uint8_t signatures[SIGNATURES][64];
    bool good;
};

/* Every other one with what was made ahead; the message is the same. */
static void *sign_many(void *context)
{
    struct signer *s = context;

    s->good = true;
    for (size_t i = 0; i < SIGNATURES && s->good; i++) {
        struct buf made owned(buf_done) = buf_of(64);
        bool verifies = false;

        if (i % 2)
            key_sign_ahead(s->key);
        s->good = !failed(signature_make(s->key, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("m"), &made)) &&
                  !failed(signature_verify(s->key, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("m"), buf_span(&made), &verifies)) &&
                  verifies && made.len == 64;
        if (s->good)
            memcpy(s->signatures[i], made.at, 64);
    }
    return NULL;
}

/* The nonce shows in r: two alike would give the key away. */
static void nonces_made_ahead_are_used_once(void **state)
{
    (void)state;
    static struct signer signers[SIGNERS];
    pthread_t threads[SIGNERS];
    struct key *k owned(key_free) = NULL;

    assert_false(failed(key_make_ec(KEY_P256, &k)));
    for (size_t i = 0; i < SIGNERS; i++) {
        signers[i].key = k;
        assert_int_equal(pthread_create(&threads[i], NULL, sign_many, &signers[i]), 0);
    }
    for (size_t i = 0; i < SIGNERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(signers[i].good);
    }
    for (size_t i = 0; i < SIGNERS * SIGNATURES; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(signers[i / SIGNATURES].signatures[i % SIGNATURES],
                                    signers[j / SIGNATURES].signatures[j % SIGNATURES], 32);
}

static void a_child_does_not_use_its_parents_nonce(void **state)
{
    (void)state;
    struct key *k owned(key_free) = NULL;
    struct buf ours owned(buf_done) = buf_of(64), theirs owned(buf_done) = buf_of(64);
    uint8_t r[64] = { 0 };
    int ends[2];

    assert_false(failed(key_make_ec(KEY_P256, &k)));
    key_sign_ahead(k);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(failed(signature_make(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("child"), &theirs)) ||
              write(ends[1], theirs.at, 64) != 64);
    assert_false(failed(signature_make(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("parent"), &ours)));
    assert_int_equal(read(ends[0], r, 64), 64);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_memory_not_equal(r, ours.at, 32);
    close(ends[0]);
    close(ends[1]);
}

static void wrong_lengths(void **state)
{
    (void)state;
    struct key *k owned(key_free) = a3_key();
    uint8_t signature[140] = { 0 };

    assert_false(failed(base64url_parse_exact(SPAN(A3_SIGNATURE), signature, 64)));
    for (size_t len = 0; len < sizeof signature; len++) {
        bool good = len != 64;
        assert_false(failed(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN(A3_INPUT), span_from(signature, len), &good)));
        assert_int_equal(good, len == 64);
    }
}

static void make_then_verify(void **state)
{
    (void)state;
    static const struct {
        enum key_kind kind;
        enum signature_scheme scheme;
        enum digest_kind digest;
        size_t size;
    } rows[] = {
        { KEY_P256, SIGNATURE_ECDSA, DIGEST_SHA256, 64 },      { KEY_P384, SIGNATURE_ECDSA, DIGEST_SHA384, 96 },
        { KEY_P521, SIGNATURE_ECDSA, DIGEST_SHA512, 132 },     { KEY_P256, SIGNATURE_ECDSA, DIGEST_SHA512, 64 },
        { KEY_RSA, SIGNATURE_RSA_PKCS1, DIGEST_SHA256, 256 },  { KEY_RSA, SIGNATURE_RSA_PKCS1, DIGEST_SHA384, 256 },
        { KEY_RSA, SIGNATURE_RSA_PSS, DIGEST_SHA256, 256 },    { KEY_RSA, SIGNATURE_RSA_PSS, DIGEST_SHA384, 256 },
    };
    struct key *rsa owned(key_free) = NULL;

    assert_false(failed(key_make_rsa(2048, &rsa)));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct key *k owned(key_free) = NULL, *public owned(key_free) = NULL;
        struct buf signature owned(buf_done) = buf_of(SIGNATURE_MAX), spki owned(buf_done) = buf_of(1024);
        bool good = false;

        if (rows[i].kind == KEY_RSA)
            k = key_ref(rsa);
        else
            assert_false(failed(key_make_ec(rows[i].kind, &k)));
        assert_false(failed(key_to_spki(k, &spki)));
        assert_false(failed(key_from_spki(buf_span(&spki), &public)));
        assert_true(failed(signature_make(public, rows[i].scheme, rows[i].digest, SPAN("m"), &signature)));
        assert_false(failed(signature_make(k, rows[i].scheme, rows[i].digest, SPAN("m"), &signature)));
        assert_int_equal(signature.len, rows[i].size);
        assert_false(failed(signature_verify(public, rows[i].scheme, rows[i].digest, SPAN("m"), buf_span(&signature), &good)));
        assert_true(good);
        assert_false(failed(signature_verify(public, rows[i].scheme, rows[i].digest, SPAN("M"), buf_span(&signature), &good)));
        assert_false(good);
        signature.at[signature.len - 1] ^= 1;
        assert_false(failed(signature_verify(k, rows[i].scheme, rows[i].digest, SPAN("m"), buf_span(&signature), &good)));
        assert_false(good);
    }
}

/* A key answers for its own kind of signature only. */
static void scheme_comes_from_the_key(void **state)
{
    (void)state;
    struct key *rsa owned(key_free) = NULL, *ec owned(key_free) = a3_key();
    struct buf pss owned(buf_done) = buf_of(SIGNATURE_MAX), none owned(buf_done) = buf_of(SIGNATURE_MAX);
    bool good = true;

    assert_false(failed(key_make_rsa(2048, &rsa)));
    assert_false(failed(signature_make(rsa, SIGNATURE_RSA_PSS, DIGEST_SHA256, SPAN("m"), &pss)));
    assert_false(failed(signature_verify(rsa, SIGNATURE_RSA_PKCS1, DIGEST_SHA256, SPAN("m"), buf_span(&pss), &good)));
    assert_false(good);
    assert_false(failed(signature_verify(ec, SIGNATURE_RSA_PSS, DIGEST_SHA256, SPAN("m"), buf_span(&pss), &good)));
    assert_false(good);
    good = true;
    assert_false(failed(signature_verify(rsa, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("m"), buf_span(&pss), &good)));
    assert_false(good);
    assert_true(failed(signature_make(rsa, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("m"), &none)));
    assert_true(failed(signature_make_prehashed(rsa, SIGNATURE_RSA_PSS, DIGEST_SHA256, SPAN("short"), &none)));
    assert_int_equal(none.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7515_a3),
        cmocka_unit_test(r_and_s_out_of_range),
        cmocka_unit_test(high_s_is_legal),
        cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(make_then_verify),
        cmocka_unit_test(nonces_made_ahead_are_used_once),
        cmocka_unit_test(a_child_does_not_use_its_parents_nonce),
        cmocka_unit_test(scheme_comes_from_the_key),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
