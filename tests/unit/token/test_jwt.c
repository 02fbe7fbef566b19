// SPDX-License-Identifier: Apache-2.0
#include "token/jwt.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/base64.h"
#include "signers.h"

#define NOW 1795435200

static json_t *good_claims(void)
{
    json_t *c = json_object();
    assert_false(failed(jwt_stamp(c, "us", "them", NOW, 600)));
    json_set_str(c, "note", "kept");
    return c;
}

static enum jwt_fault verdict_on(const struct fixture *f, const struct key *signer, const char *typ,
                                 const json_t *claims, int64_t now)
{
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    owned(json_free) json_t *read = NULL;
    enum jwt_fault fault = JWT_MALFORMED;
    assert_false(failed(jwt_sign(signer, typ, claims, &text)));
    struct err e = jwt_verify(buf_span(&text), f->keys, "JWT", "us", "them", now, &read, &fault);
    assert_int_equal(failed(e), fault != JWT_GOOD);
    assert_int_equal(read != NULL, fault == JWT_GOOD);
    if (read)
        assert_string_equal(json_string_value(json_object_get(read, "note")), "kept");
    return fault;
}

static void test_good(void **state)
{
    owned(json_free) json_t *c = good_claims();
    assert_int_equal(verdict_on(*state, ((struct fixture *)*state)->key, "JWT", c, NOW), JWT_GOOD);
}

static enum jwt_fault foreign_verdict(const struct fixture *f, const char *claims)
{
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    owned(json_free) json_t *read = NULL;
    enum jwt_fault fault = JWT_MALFORMED;

    assert_false(failed(jwt_sign_text(f->key, "at+jwt", span_str(claims), &text)));
    struct err e = jwt_verify_foreign(buf_span(&text), f->keys, "idp", "us", NOW, &read, &fault);
    assert_int_equal(failed(e), fault != JWT_GOOD);
    assert_int_equal(read != NULL, fault == JWT_GOOD);
    for (size_t len = 0; len < text.len; len++) {
        owned(json_free) json_t *none = NULL;
        enum jwt_fault why = JWT_GOOD;
        assert_true(failed(jwt_verify_foreign(span_head(buf_span(&text), len), f->keys, "idp", "us",
                                              NOW, &none, &why)));
        assert_int_not_equal(why, JWT_GOOD);
    }
    return fault;
}

/* What other issuers leave out, and what they must not (L14). */
static void test_foreign(void **state)
{
    static const struct {
        const char *claims;
        bool good;
    } cases[] = {
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":\"us\",\"iat\":1795435200,\"exp\":1795435300}",
          true },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":[\"us\"],\"iat\":1795435200,\"exp\":1795435300}",
          true },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":[\"us\",\"x\"],\"iat\":1795435200,\"exp\":"
          "1795435300}",
          false },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":[\"us\",\"x\"],\"azp\":\"us\",\"iat\":1795435200,"
          "\"exp\":1795435300}",
          true },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":\"us\",\"azp\":\"x\",\"iat\":1795435200,\"exp\":"
          "1795435300}",
          false },
        { "{\"iss\":\"idp2\",\"sub\":\"a\",\"aud\":\"us\",\"iat\":1795435200,\"exp\":1795435300}",
          false },
        { "{\"iss\":\"idp\",\"aud\":\"us\",\"iat\":1795435200,\"exp\":1795435300}", false },
        { "{\"iss\":\"idp\",\"sub\":\"\",\"aud\":\"us\",\"iat\":1795435200,\"exp\":1795435300}",
          false },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"iat\":1795435200,\"exp\":1795435300}", false },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":\"us\",\"exp\":1795435300}", false },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":\"us\",\"iat\":1795435200}", false },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":\"us\",\"iat\":1795435000,\"exp\":1795435100}",
          false },
        { "{\"iss\":\"idp\",\"sub\":\"a\",\"aud\":\"us\",\"iat\":1795435200,\"nbf\":1795435290,"
          "\"exp\":1795435300}",
          false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(foreign_verdict(*state, cases[i].claims) == JWT_GOOD, cases[i].good);
}

static void test_audience_list(void **state)
{
    const struct fixture *f = *state;
    owned(json_free) json_t *c = good_claims();
    json_object_set_new(c, "aud", json_pack("[ss]", "others", "them"));
    assert_int_equal(verdict_on(f, f->key, "JWT", c, NOW), JWT_GOOD);
    json_object_set_new(c, "aud", json_pack("[ss]", "others", "themselves"));
    assert_int_equal(verdict_on(f, f->key, "JWT", c, NOW), JWT_WRONG_CLAIMS);
}

/* L14: whatever bounds a token must be there. */
static void test_required_claims(void **state)
{
    static const char *const required[] = { "iss", "aud", "jti", "iat", "nbf", "exp" };
    const struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        owned(json_free) json_t *c = good_claims();
        json_object_del(c, required[i]);
        assert_int_equal(verdict_on(f, f->key, "JWT", c, NOW), JWT_MALFORMED);
        json_object_set_new(c, required[i], json_true());
        assert_int_not_equal(verdict_on(f, f->key, "JWT", c, NOW), JWT_GOOD);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *claim;
        int64_t offset;
        enum jwt_fault fault;
    } rows[] = {
        { "exp", -JWT_LEEWAY, JWT_EXPIRED }, { "exp", -JWT_LEEWAY + 1, JWT_GOOD },
        { "nbf", JWT_LEEWAY, JWT_GOOD },     { "nbf", JWT_LEEWAY + 1, JWT_NOT_YET },
        { "iat", JWT_LEEWAY, JWT_GOOD },     { "iat", JWT_LEEWAY + 1, JWT_NOT_YET },
    };
    const struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *c = good_claims();
        json_set_int(c, rows[i].claim, NOW + rows[i].offset);
        assert_int_equal(verdict_on(f, f->key, "JWT", c, NOW), rows[i].fault);
    }
    owned(json_free) json_t *far = good_claims();
    json_object_set_new(far, "exp", json_integer(INT64_MAX));
    assert_int_equal(verdict_on(f, f->key, "JWT", far, NOW), JWT_MALFORMED);
    json_object_set_new(far, "exp", json_real(1e12));
    assert_int_equal(verdict_on(f, f->key, "JWT", far, NOW), JWT_MALFORMED);
}

static void test_wrong_parties(void **state)
{
    const struct fixture *f = *state;
    owned(json_free) json_t *c = good_claims();
    assert_int_equal(verdict_on(f, f->stranger, "JWT", c, NOW), JWT_UNKNOWN_KEY);
    assert_int_equal(verdict_on(f, f->key, "warder-refusal+jwt", c, NOW), JWT_WRONG_CLAIMS);
    json_set_str(c, "iss", "someone");
    assert_int_equal(verdict_on(f, f->key, "JWT", c, NOW), JWT_WRONG_CLAIMS);
    json_set_str(c, "iss", "us");
    json_set_str(c, "aud", "the");
    assert_int_equal(verdict_on(f, f->key, "JWT", c, NOW), JWT_WRONG_CLAIMS);
}

/* L35: another's signature under our kid, no signature, a changed payload. */
static void test_forgeries(void **state)
{
    const struct fixture *f = *state;
    owned(json_free) json_t *c = good_claims(), *header = json_object(), *out = NULL;
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                    bare owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    char *payload owned(free) = json_text(c);
    char kid[THUMBPRINT_TEXT_SIZE];
    enum jwt_fault fault;
    assert_false(failed(key_thumbprint(f->key, kid)));
    json_set_str(header, "typ", "JWT");
    json_set_str(header, "kid", kid);
    assert_false(failed(jws_sign(f->stranger, header, span_str(payload), &text)));
    assert_int_equal(
        jwt_verify(buf_span(&text), f->keys, "JWT", "us", "them", NOW, &out, &fault).kind,
        FAIL_DENIED);
    assert_int_equal(fault, JWT_BAD_SIGNATURE);

    buf_clear(&text);
    json_set_str(header, "alg", "none");
    char *none owned(free) = json_text(header);
    base64url_add(&bare, span_str(none));
    buf_add_str(&bare, ".");
    base64url_add(&bare, span_str(payload));
    buf_add_str(&bare, ".");
    assert_true(
        failed(jwt_verify(buf_span(&bare), f->keys, "JWT", "us", "them", NOW, &out, &fault)));
    assert_int_not_equal(fault, JWT_GOOD);
    assert_null(out);
}

static void test_every_prefix_fails(void **state)
{
    const struct fixture *f = *state;
    owned(json_free) json_t *c = good_claims(), *out = NULL;
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    assert_false(failed(jwt_sign(f->key, "JWT", c, &text)));
    for (size_t len = 0; len < text.len; len++) {
        assert_true(failed(jwt_verify(span_head(buf_span(&text), len), f->keys, "JWT", "us", "them",
                                      NOW, &out, NULL)));
        assert_null(out);
    }
    buf_add_str(&text, "A");
    assert_true(failed(jwt_verify(buf_span(&text), f->keys, "JWT", "us", "them", NOW, &out, NULL)));
}

static void test_ids_differ(void **state)
{
    owned(json_free) json_t *a = good_claims(), *b = good_claims();
    assert_string_not_equal(json_string_value(json_object_get(a, "jti")),
                            json_string_value(json_object_get(b, "jti")));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_audience_list), cmocka_unit_test(test_required_claims),
        cmocka_unit_test(test_times),         cmocka_unit_test(test_wrong_parties),
        cmocka_unit_test(test_forgeries),     cmocka_unit_test(test_every_prefix_fails),
        cmocka_unit_test(test_ids_differ),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
