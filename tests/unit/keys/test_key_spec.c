// SPDX-License-Identifier: Apache-2.0
#include "keys/key_spec.h"

#include "base/base64.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "unit.h"

static void names_of_algorithms(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = { { "RSA", true }, { "rsa", true }, { "EC", true }, { "aes", true }, { "Rsa", false },
                 { "", false },   { "DSA", false }, { "RSA ", false } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum key_algorithm a;
        assert_int_equal(!failed(key_algorithm_parse(span_str(rows[i].text), &a)), rows[i].good);
    }
}

static void curves(void **state)
{
    static const struct {
        const char *text, *written;
        unsigned bits;
    } rows[] = { { "secp256r1", "secp256r1", 256 }, { "prime256v1", "secp256r1", 256 }, { "P-384", "secp384r1", 384 },
                 { "secp521r1", "secp521r1", 521 } };
    unsigned bits;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_ok(key_curve_parse(span_str(rows[i].text), &bits));
        assert_int_equal(bits, rows[i].bits);
        assert_string_equal(key_curve_name(bits), rows[i].written);
    }
    assert_fails(key_curve_parse(SPAN("secp256k1"), &bits), FAIL_INPUT);
}

static void sizes(void **state)
{
    static const struct {
        struct key_spec spec;
        bool good;
    } rows[] = { { { KEY_ALGORITHM_RSA, 2048 }, true },  { { KEY_ALGORITHM_RSA, 1024 }, false }, { { KEY_ALGORITHM_RSA, 256 }, false },
                 { { KEY_ALGORITHM_EC, 521 }, true },    { { KEY_ALGORITHM_EC, 2048 }, false },  { { KEY_ALGORITHM_AES, 128 }, true },
                 { { KEY_ALGORITHM_AES, 192 }, false },  { { KEY_ALGORITHM_AES, 4096 }, false }, { { KEY_ALGORITHM_RSA, 0 }, false },
                 { { KEY_ALGORITHM_OPAQUE, 8 }, true },  { { KEY_ALGORITHM_OPAQUE, 0 }, false }, { { KEY_ALGORITHM_OPAQUE, 12 }, false },
                 { { KEY_ALGORITHM_OPAQUE, 8 * OPAQUE_SECRET_MAX }, true }, { { KEY_ALGORITHM_OPAQUE, 8 * OPAQUE_SECRET_MAX + 8 }, false } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(!failed(key_spec_check(&rows[i].spec)), rows[i].good);
}

static void made_material_parses_as_itself(void **state)
{
    static const struct key_spec specs[] = { { KEY_ALGORITHM_RSA, 2048 }, { KEY_ALGORITHM_EC, 256 }, { KEY_ALGORITHM_EC, 384 },
                                             { KEY_ALGORITHM_EC, 521 },   { KEY_ALGORITHM_AES, 128 }, { KEY_ALGORITHM_AES, 256 } };
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct secret *made owned(secret_free) = NULL, *again owned(secret_free) = NULL;
        struct key_spec found;
        assert_ok(key_material_make(&specs[i], &made));
        assert_ok(key_material_parse(made, specs[i].algorithm, &again, &found));
        assert_true(key_spec_equal(&found, &specs[i]));
        assert_true(secret_equal(made, again));
    }
}

static void foreign_forms(void **state)
{
    struct key *k owned(key_free) = NULL;
    struct secret *pem owned(secret_free) = NULL, *out owned(secret_free) = NULL, *none = NULL;
    struct key_spec spec = { 0 };
    (void)state;
    assert_ok(key_make_ec(KEY_P256, &k));
    assert_ok(key_to_pem(k, &pem));
    assert_ok(key_material_parse(pem, KEY_ALGORITHM_EC, &out, &spec));
    assert_int_equal(spec.bits, 256);
    assert_fails(key_material_parse(pem, KEY_ALGORITHM_RSA, &none, &spec), FAIL_INPUT);
    assert_fails(key_material_parse(pem, KEY_ALGORITHM_AES, &none, &spec), FAIL_INPUT);
    struct secret *text owned(secret_free) = secret_copy(SPAN("AAECAwQFBgcICQoLDA0ODw==\n"));
    struct secret *aes owned(secret_free) = NULL;
    assert_ok(key_material_parse(text, KEY_ALGORITHM_AES, &aes, &spec));
    assert_int_equal(spec.bits, 128);
    struct secret *odd owned(secret_free) = secret_copy(SPAN("AAECAwQFBgcICQoLDA0O"));
    assert_fails(key_material_parse(odd, KEY_ALGORITHM_AES, &none, &spec), FAIL_INPUT);
    struct secret *junk owned(secret_free) = secret_copy(SPAN("junk"));
    assert_fails(key_material_parse(junk, KEY_ALGORITHM_RSA, &none, &spec), FAIL_INPUT);
}

static void any_bytes(void **state)
{
    struct secret *none = NULL, *empty owned(secret_free) = secret_new(0), *most owned(secret_free) = secret_new(OPAQUE_SECRET_MAX);
    struct secret *over owned(secret_free) = secret_new(OPAQUE_SECRET_MAX + 1), *out owned(secret_free) = NULL;
    struct key_spec spec = { KEY_ALGORITHM_OPAQUE, 0 };
    (void)state;
    assert_fails(key_material_parse(empty, KEY_ALGORITHM_OPAQUE, &none, &spec), FAIL_INPUT);
    assert_fails(key_material_parse(over, KEY_ALGORITHM_OPAQUE, &none, &spec), FAIL_INPUT);
    assert_ok(key_material_parse(most, KEY_ALGORITHM_OPAQUE, &out, &spec));
    assert_true(secret_equal(most, out));
    assert_int_equal(spec.bits, 8 * OPAQUE_SECRET_MAX);
    assert_fails(key_material_make(&spec, &none), FAIL_INPUT);
    assert_null(none);
}

static void wrapped_to_one_recipient(void **state)
{
    const struct key_spec spec = { KEY_ALGORITHM_AES, 256 }, other = { KEY_ALGORITHM_AES, 128 };
    struct key *to owned(key_free) = NULL, *stranger owned(key_free) = NULL;
    struct secret *made owned(secret_free) = NULL, *got owned(secret_free) = NULL, *none = NULL;
    json_t *header owned(json_free) = json_pack("{s:s}", "key_id", "k"), *read owned(json_free) = NULL;
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    (void)state;
    assert_ok(key_make_ec(KEY_P256, &to));
    assert_ok(key_make_ec(KEY_P256, &stranger));
    assert_ok(key_material_make(&spec, &made));
    assert_fails(key_material_wrap(made, &other, to, header, &jwe), FAIL_INPUT);
    assert_int_equal(jwe.len, 0);
    assert_ok(key_material_wrap(made, &spec, to, header, &jwe));
    assert_ok(jwe_open(to, buf_span(&jwe), &read, &got));
    assert_true(secret_equal(made, got));
    assert_string_equal(json_string_value(json_object_get(read, "key_id")), "k");
    assert_fails(jwe_open(stranger, buf_span(&jwe), NULL, &none), FAIL_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_algorithms), cmocka_unit_test(curves),
        cmocka_unit_test(sizes),               cmocka_unit_test(made_material_parses_as_itself),
        cmocka_unit_test(foreign_forms),       cmocka_unit_test(any_bytes), cmocka_unit_test(wrapped_to_one_recipient),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
