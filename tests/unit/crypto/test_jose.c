// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/base64.h"
#include "crypto/jose.h"
#include "crypto/random.h"

/* RFC 7515 appendix A.3: a signature by someone else's implementation. */
static const char rfc_jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                              "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char rfc_jws[] = "eyJhbGciOiJFUzI1NiJ9"
                              ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
                              ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

static struct key *from_jwk_text(const char *text)
{
    json_t *jwk owned(json_free) = NULL;
    struct key *k = NULL;
    assert_false(failed(json_parse(span_str(text), &jwk)));
    assert_false(failed(key_from_jwk(jwk, &k)));
    return k;
}

static void verifies_rfc7515_a3(void **state)
{
    (void)state;
    struct key *k owned(key_free) = from_jwk_text(rfc_jwk);
    assert_false(failed(jws_verify(k, span_str(rfc_jws), NULL, NULL)));
    assert_true(failed(jws_verify(k, SPAN_OF(rfc_jws), NULL, NULL))); /* the terminating NUL is not base64url */
}

static void signs_and_refuses_changes(void **state)
{
    (void)state;
    const enum key_kind kinds[] = { KEY_P256, KEY_P384, KEY_RSA };
    for (size_t i = 0; i < 3; i++) {
        struct key *k owned(key_free) = NULL, *other owned(key_free) = NULL;
        struct buf text owned(buf_done) = buf_of(4096), payload owned(buf_done) = buf_of(256);
        assert_false(failed(kinds[i] == KEY_RSA ? key_make_rsa(2048, &k) : key_make_ec(kinds[i], &k)));
        assert_false(failed(key_make_ec(KEY_P256, &other)));
        assert_false(failed(jws_sign(k, NULL, SPAN("{\"a\":1}"), &text)));
        assert_false(failed(jws_verify(k, buf_span(&text), NULL, &payload)));
        assert_true(span_equal_str(buf_span(&payload), "{\"a\":1}"));
        assert_int_equal(jws_verify(other, buf_span(&text), NULL, NULL).kind, FAIL_DENIED);
        for (size_t at = 0; at < text.len; at += 7) {
            uint8_t was = text.at[at];
            text.at[at] = was == 'A' ? 'B' : 'A';
            assert_true(failed(jws_verify(k, buf_span(&text), NULL, NULL)));
            text.at[at] = was;
            assert_true(failed(jws_verify(k, span_head(buf_span(&text), at), NULL, NULL)));
        }
    }
}

/* L35: the algorithm comes from the key. Header, payload and signature are joined by hand. */
static void refuses_headers_of_other_profiles(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}", "{\"alg\":\"ES384\"}", "{}", "{\"alg\":\"ES256\",\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\",\"jwk\":{}}", "{\"alg\":\"ES256\",\"jku\":\"https://x\"}", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", "[]",
    };
    struct key *k owned(key_free) = NULL;
    struct buf good owned(buf_done) = buf_of(4096);
    assert_false(failed(key_make_ec(KEY_P256, &k)));
    assert_false(failed(jws_sign(k, NULL, SPAN("x"), &good)));
    struct span tail = span_tail(buf_span(&good), span_find(buf_span(&good), SPAN(".")));
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        struct buf text owned(buf_done) = buf_of(4096);
        base64url_add(&text, span_str(headers[i]));
        buf_add(&text, tail);
        assert_true(failed(jws_verify(k, buf_span(&text), NULL, NULL)));
    }
}

static void encrypts_to_one_recipient(void **state)
{
    (void)state;
    const enum key_kind kinds[] = { KEY_P256, KEY_P384, KEY_RSA };
    json_t *members owned(json_free) = json_pack("{s:s}", "key_id", "7");
    struct secret *plain owned(secret_free) = secret_copy(SPAN("the key"));
    for (size_t i = 0; i < 3; i++) {
        struct key *k owned(key_free) = NULL, *other owned(key_free) = NULL;
        struct buf text owned(buf_done) = buf_of(8192);
        struct secret *back owned(secret_free) = NULL, *none owned(secret_free) = NULL;
        json_t *header owned(json_free) = NULL;
        assert_false(failed(kinds[i] == KEY_RSA ? key_make_rsa(2048, &k) : key_make_ec(kinds[i], &k)));
        assert_false(failed(kinds[i] == KEY_RSA ? key_make_rsa(2048, &other) : key_make_ec(kinds[i], &other)));
        assert_false(failed(jwe_seal(k, members, plain, &text)));
        assert_false(failed(jwe_open(k, buf_span(&text), &header, &back)));
        assert_true(secret_equal(plain, back));
        assert_string_equal(json_string_value(json_object_get(header, "key_id")), "7");
        assert_int_equal(jwe_open(other, buf_span(&text), NULL, &none).kind, FAIL_DENIED);
        for (size_t at = 0; at < text.len; at += 11) { /* the header too: it is associated data */
            uint8_t was = text.at[at];
            text.at[at] = was == 'A' ? 'B' : 'A';
            assert_true(failed(jwe_open(k, buf_span(&text), NULL, &none)));
            text.at[at] = was;
            assert_true(failed(jwe_open(k, span_head(buf_span(&text), at), NULL, &none)));
        }
        assert_null(none);
    }
}

static void key_sets(void **state)
{
    (void)state;
    struct key *a owned(key_free) = NULL, *b owned(key_free) = NULL;
    struct buf text owned(buf_done) = buf_of(4096);
    struct jwks *set owned(jwks_free) = NULL, *none owned(jwks_free) = NULL;
    char kid[THUMBPRINT_TEXT_SIZE];
    assert_false(failed(key_make_ec(KEY_P256, &a)));
    assert_false(failed(key_make_ec(KEY_P384, &b)));
    assert_false(failed(jwks_text((const struct key *const[]){ a, b }, 2, &text)));
    assert_false(failed(jwks_parse(buf_span(&text), &set)));
    assert_int_equal(jwks_count(set), 2);
    assert_false(failed(key_thumbprint(b, kid)));
    assert_true(key_same_public(jwks_find(set, span_str(kid)), b));
    assert_null(jwks_find(set, SPAN("")));
    assert_null(strstr(buf_str(&text), "\"d\"")); /* L50: nothing private in any answer */
    assert_true(failed(jwks_parse(SPAN("{\"keys\":[{\"kty\":\"EC\"}]}"), &none)));
    assert_true(failed(jwks_parse(SPAN("{\"keys\":{}}"), &none)));
    assert_true(failed(jwks_parse(SPAN("[]"), &none)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifies_rfc7515_a3), cmocka_unit_test(signs_and_refuses_changes),
        cmocka_unit_test(refuses_headers_of_other_profiles), cmocka_unit_test(encrypts_to_one_recipient), cmocka_unit_test(key_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
