// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "crypto/signature.h"

/* RFC 7515 appendix A.3: key and whole text. */
#define A3_KEY "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define A3_HEAD "eyJhbGciOiJFUzI1NiJ9"
#define A3_BODY "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A3_TAIL "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define A3 A3_HEAD "." A3_BODY "." A3_TAIL

static struct key *public_key(const char *text)
{
    json_t *jwk owned(json_free) = NULL;
    struct key *k = NULL;

    assert_false(failed(json_parse(span_str(text), &jwk)));
    assert_false(failed(key_from_jwk(jwk, &k)));
    return k;
}

static struct key *make(enum key_kind kind)
{
    struct key *k = NULL;

    assert_false(failed(kind == KEY_RSA ? key_make_rsa(2048, &k) : key_make_ec(kind, &k)));
    return k;
}

static void rfc7515_a3(void **state)
{
    (void)state;
    struct key *k owned(key_free) = public_key(A3_KEY);
    json_t *header owned(json_free) = NULL;
    struct buf payload owned(buf_done) = buf_of(1024);

    assert_false(failed(jws_verify(k, SPAN(A3), &header, &payload)));
    assert_string_equal(buf_str(&payload), "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
    assert_false(failed(jws_verify(k, SPAN(A3), NULL, NULL)));
}

/* Shapes that are not one JWS: FAIL_INPUT; the same with a good shape but a changed byte: FAIL_DENIED. */
static void bad_shapes(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", ".", "..", "...", A3_HEAD, A3_HEAD "." A3_BODY, A3_HEAD "." A3_BODY ".", A3 ".", A3 "." A3_TAIL, "." A3,
        A3_HEAD "." A3_BODY "." A3_TAIL "=", A3_HEAD "=." A3_BODY "." A3_TAIL, A3 "\n", " " A3, A3_HEAD ". ." A3_TAIL,
        "W10." A3_BODY "." A3_TAIL,       /* [] */
        "e30x." A3_BODY "." A3_TAIL,      /* {}1 */
    };
    struct key *k owned(key_free) = public_key(A3_KEY);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *header = NULL;
        struct buf payload owned(buf_done) = buf_of(1024);
        struct err e = jws_verify(k, span_str(rows[i]), &header, &payload);

        assert_true(e.kind == FAIL_INPUT || e.kind == FAIL_DENIED);
        assert_null(header);
        assert_int_equal(payload.len, 0);
    }
    for (size_t len = 0; len < sizeof A3 - 1; len++)
        assert_true(failed(jws_verify(k, span_from(A3, len), NULL, NULL)));
    for (size_t i = 0; i < sizeof A3 - 1; i++) {
        char changed[] = A3;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_true(failed(jws_verify(k, span_str(changed), NULL, NULL)));
    }
}

/* L35: the algorithm comes from the key; "none", a neighbour's algorithm, HMAC with a public key and
 * headers that point elsewhere are refused, though signed well. */
static void algorithm_comes_from_the_key(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"ES384\"}", "{\"alg\":\"es256\"}", "{}",
        "{\"alg\":null}", "{\"alg\":[\"ES256\"]}",
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", "{\"alg\":\"ES256\",\"b64\":false}", "{\"alg\":\"ES256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"ES256\",\"jku\":\"https://x/\"}", "{\"alg\":\"ES256\",\"x5u\":\"https://x/\"}", "{\"alg\":\"ES256\",\"jwk\":{}}",
    };
    struct key *k owned(key_free) = make(KEY_P256);

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct buf text owned(buf_done) = buf_of(4096), signature owned(buf_done) = buf_of(SIGNATURE_MAX);

        base64url_add(&text, span_str(headers[i]));
        buf_add_str(&text, ".e30");
        assert_false(failed(signature_make(k, SIGNATURE_ECDSA, DIGEST_SHA256, buf_span(&text), &signature)));
        buf_add_u8(&text, '.');
        base64url_add(&text, buf_span(&signature));
        assert_int_equal(jws_verify(k, buf_span(&text), NULL, NULL).kind, FAIL_DENIED);
    }
    struct buf unsigned_text owned(buf_done) = buf_of(4096);
    base64url_add(&unsigned_text, SPAN("{\"alg\":\"none\"}"));
    buf_add_str(&unsigned_text, ".e30.");
    assert_int_equal(jws_verify(k, buf_span(&unsigned_text), NULL, NULL).kind, FAIL_DENIED);
    /* A header with a member twice has two meanings. */
    struct buf twice owned(buf_done) = buf_of(4096);
    base64url_add(&twice, SPAN("{\"alg\":\"ES256\",\"alg\":\"ES256\"}"));
    buf_add_str(&twice, ".e30." A3_TAIL);
    assert_int_equal(jws_verify(k, buf_span(&twice), NULL, NULL).kind, FAIL_INPUT);
}

static void jws_round_trip(void **state)
{
    (void)state;
    static const struct {
        enum key_kind kind;
        const char *alg;
    } rows[] = { { KEY_P256, "ES256" }, { KEY_P384, "ES384" }, { KEY_RSA, "PS384" } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct key *k owned(key_free) = make(rows[i].kind), *other owned(key_free) = make(rows[i].kind);
        json_t *members owned(json_free) = json_pack("{s:s,s:s}", "typ", "JWT", "alg", "none");
        json_t *header owned(json_free) = NULL, *peeked owned(json_free) = NULL;
        struct buf text owned(buf_done) = buf_of(4096), payload owned(buf_done) = buf_of(64);

        assert_false(failed(jws_sign(k, members, SPAN("payload"), &text)));
        assert_false(failed(jws_peek_header(buf_span(&text), &peeked)));
        assert_false(failed(jws_verify(k, buf_span(&text), &header, &payload)));
        assert_string_equal(buf_str(&payload), "payload");
        assert_string_equal(json_string_value(json_object_get(header, "alg")), rows[i].alg);
        assert_string_equal(json_string_value(json_object_get(header, "typ")), "JWT");
        assert_true(json_equal(header, peeked));
        assert_string_equal(json_string_value(json_object_get(members, "alg")), "none"); /* the caller's is untouched */
        assert_int_equal(jws_verify(other, buf_span(&text), NULL, NULL).kind, FAIL_DENIED);
    }
    struct key *odd owned(key_free) = make(KEY_P521);
    struct buf text owned(buf_done) = buf_of(4096);
    assert_int_equal(jws_sign(odd, NULL, SPAN("x"), &text).kind, FAIL_INPUT);
}

static void jwe_round_trip(void **state)
{
    (void)state;
    static const enum key_kind kinds[] = { KEY_P256, KEY_P384, KEY_RSA };
    struct secret *plain owned(secret_free) = secret_copy(SPAN("the key"));

    for (size_t i = 0; i < 3; i++) {
        struct key *k owned(key_free) = make(kinds[i]), *other owned(key_free) = make(kinds[i]), *public owned(key_free) = NULL;
        json_t *members owned(json_free) = json_pack("{s:s}", "warder", "bound"), *header owned(json_free) = NULL;
        struct buf text owned(buf_done) = buf_of(8192), spki owned(buf_done) = buf_of(1024);
        struct secret *back owned(secret_free) = NULL, *none = NULL;

        assert_false(failed(key_to_spki(k, &spki)));
        assert_false(failed(key_from_spki(buf_span(&spki), &public)));
        assert_false(failed(jwe_seal(public, members, plain, &text)));
        assert_false(failed(jwe_open(k, buf_span(&text), &header, &back)));
        assert_true(secret_equal(plain, back));
        assert_string_equal(json_string_value(json_object_get(header, "warder")), "bound");
        assert_int_equal(jwe_open(other, buf_span(&text), NULL, &none).kind, FAIL_DENIED);
        assert_int_equal(jwe_open(public, buf_span(&text), NULL, &none).kind, FAIL_INPUT);
        for (size_t at = 0; at < text.len; at++) {
            uint8_t was = text.at[at];
            text.at[at] = was == 'A' ? 'B' : 'A';
            assert_true(failed(jwe_open(k, buf_span(&text), NULL, &none)));
            text.at[at] = was;
            if (at % 16 == 0)
                assert_true(failed(jwe_open(k, span_head(buf_span(&text), at), NULL, &none)));
        }
        buf_add_u8(&text, 'A');
        assert_true(failed(jwe_open(k, buf_span(&text), NULL, &none)));
        assert_null(none);
    }
}

/* RFC 7518 appendix C gives the key agreement; its Concat KDF there is for direct use, so what is checked here is
 * a text made by another implementation (python3 jwcrypto) with its private key. */
#include "jose_peer.h"

static void jwe_of_another_implementation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peer_texts / sizeof *peer_texts; i++) {
        struct secret *pem owned(secret_free) = secret_copy(span_str(peer_texts[i].key));
        struct key *k owned(key_free) = NULL;
        struct secret *plain owned(secret_free) = NULL;

        assert_false(failed(key_from_pem(pem, &k)));
        assert_false(failed(jwe_open(k, span_str(peer_texts[i].text), NULL, &plain)));
        assert_true(span_equal_str(secret_expose(plain), peer_texts[i].plain));
    }
}

static void jwks_rules(void **state)
{
    (void)state;
    static const char ec[] = A3_KEY;
    struct key *a owned(key_free) = make(KEY_P256), *b owned(key_free) = make(KEY_RSA);
    const struct key *keys[] = { a, b };
    struct buf text owned(buf_done) = buf_of(8192);
    struct jwks *set owned(jwks_free) = NULL, *none = NULL;
    char kid[THUMBPRINT_TEXT_SIZE];

    assert_false(failed(jwks_text(keys, 2, &text)));
    assert_false(failed(jwks_parse(buf_span(&text), &set)));
    assert_int_equal(jwks_count(set), 2);
    assert_false(failed(key_thumbprint(b, kid)));
    assert_true(key_same_public(jwks_find(set, span_str(kid)), b));
    assert_null(jwks_find(set, SPAN("")));
    assert_null(jwks_find(set, span_head(span_str(kid), 42)));

    struct buf odd owned(buf_done) = buf_of(8192);
    buf_addf(&odd, "{\"keys\":[%s,%s]}", ec, ec); /* the same kid twice */
    assert_int_equal(jwks_parse(buf_span(&odd), &none).kind, FAIL_INPUT);
    buf_clear(&odd);
    buf_addf(&odd, "{\"keys\":[{\"kty\":\"OKP\"},{\"kty\":\"EC\",\"use\":\"enc\"},%s]}", ec);
    struct jwks *one owned(jwks_free) = NULL;
    assert_false(failed(jwks_parse(buf_span(&odd), &one)));
    assert_int_equal(jwks_count(one), 1);
    assert_int_equal(jwks_parse(SPAN("{\"keys\":[1]}"), &none).kind, FAIL_INPUT);
    assert_int_equal(jwks_parse(SPAN("{}"), &none).kind, FAIL_INPUT);
    assert_int_equal(jwks_parse(SPAN("{\"keys\":[{\"kty\":\"EC\",\"d\":\"AA\"}]}"), &none).kind, FAIL_INPUT);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7515_a3),
        cmocka_unit_test(bad_shapes),
        cmocka_unit_test(algorithm_comes_from_the_key),
        cmocka_unit_test(jws_round_trip),
        cmocka_unit_test(jwe_round_trip),
        cmocka_unit_test(jwe_of_another_implementation),
        cmocka_unit_test(jwks_rules),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
