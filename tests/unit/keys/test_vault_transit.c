// SPDX-License-Identifier: Apache-2.0
#include "keys/vault_transit_internal.h"

#include "unit.h"

static char prefix[] = "warder";
static const struct vault v = { .prefix = prefix };

static const struct {
    const char *tenant, *id, *external;
    enum fail_kind kind;
    const char *name;
} names[] = {
    { "default", "b7c1-9", "", FAIL_NONE, "warder.default.b7c1-9.3" },
    { "a.b", "c", "", FAIL_NONE, "warder.a_2eb.c.3" }, /* L48: not warder.a.b.c */
    { "a", "b.c", "", FAIL_NONE, "warder.a.b_2ec.3" },
    { "a_", "2eb", "", FAIL_NONE, "warder.a_5f.2eb.3" },
    { "a/b", "..", "", FAIL_NONE, "warder.a_2fb._2e_2e.3" }, /* L19 */
    { "", "x", "", FAIL_INPUT, NULL },
    { "default", "", "", FAIL_INPUT, NULL },
    { "default", "x", "web-1_a.b", FAIL_NONE, "web-1_a.b" },
    { "default", "x", "warders.k", FAIL_NONE, "warders.k" },
    { "acme", "x", "acme.tls", FAIL_NONE, "acme.tls" },
    { "acme", "x", "acmes.tls", FAIL_DENIED, NULL },
    { "acme", "x", "tls", FAIL_DENIED, NULL },
    { "default", "x", "warder.acme.k.1", FAIL_DENIED, NULL },
    { "warder", "x", "warder.acme.k.1", FAIL_DENIED, NULL },
    { "default", "x", "../sys/seal", FAIL_INPUT, NULL },
    { "default", "x", "..", FAIL_INPUT, NULL },
    { "default", "x", "a/b", FAIL_INPUT, NULL },
    { "default", "x", "a%2fb", FAIL_INPUT, NULL },
    { "default", "x", "a?x", FAIL_INPUT, NULL },
    { "default", "x", "a ", FAIL_INPUT, NULL },
    { "default", "x", "-a", FAIL_INPUT, NULL },
    { "default", "x", "a.", FAIL_INPUT, NULL },
};

static void names_of_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct key_ref ref = { span_str(names[i].tenant), span_str(names[i].id), 3, span_str(names[i].external) };
        struct buf name owned(buf_done) = buf_of(512);
        struct err e = vault_transit_name(&v, &ref, &name);

        if (e.kind != names[i].kind)
            fail_msg("%s %s %s: %s", names[i].tenant, names[i].id, names[i].external, fail_kind_name(e.kind));
        if (!failed(e))
            assert_string_equal(buf_str(&name), names[i].name);
    }
}

#define P256                                                                                                                       \
    "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa1dGqyatS13pJkIuNRwSJw9l9UPp\\n"                              \
    "rqyIoVXIFm5I8YAyCwzWaa5uSW+hI30T0yL6C4lZs2A65yUaFq0z4oT1Rw==\\n-----END PUBLIC KEY-----\\n"
#define KEY_OF(type, keys, latest) "{\"data\":{\"type\":\"" type "\",\"latest_version\":" latest ",\"keys\":{" keys "}}}"
#define VERSION(n, pem) "\"" n "\":{\"public_key\":\"" pem "\"}"

static void descriptions(void **state)
{
    struct key_spec spec = { 0 };
    struct key *k owned(key_free) = NULL, *none = NULL;
    uint64_t version = 0;
    const struct span good = SPAN(KEY_OF("ecdsa-p256", VERSION("1", "x") "," VERSION("2", P256), "2"));

    (void)state;
    assert_ok(vault_transit_parse(good, &spec, &version, &k));
    assert_int_equal(spec.algorithm, KEY_ALGORITHM_EC);
    assert_int_equal(spec.bits, 256);
    assert_int_equal(version, 2);
    assert_int_equal(key_kind_of(k), KEY_P256);
    assert_ok(vault_transit_parse(SPAN(KEY_OF("aes256-gcm96", "\"1\":1795464764", "1")), &spec, &version, &none));
    assert_int_equal(spec.algorithm, KEY_ALGORITHM_AES);
    assert_null(none);
    for (size_t i = 0; i < good.len; i++)
        assert_fails(vault_transit_parse(span_head(good, i), &spec, &version, &none), FAIL_UPSTREAM);
    assert_fails(vault_transit_parse(SPAN(KEY_OF("ed25519", VERSION("1", "x"), "1")), &spec, &version, &none), FAIL_INPUT);
    assert_fails(vault_transit_parse(SPAN(KEY_OF("ecdsa-p384", VERSION("1", P256), "1")), &spec, &version, &none), FAIL_UPSTREAM);
    assert_fails(vault_transit_parse(SPAN(KEY_OF("rsa-2048", VERSION("1", P256), "1")), &spec, &version, &none), FAIL_UPSTREAM);
    assert_fails(vault_transit_parse(SPAN(KEY_OF("ecdsa-p256", VERSION("1", P256), "2")), &spec, &version, &none), FAIL_UPSTREAM);
    assert_fails(vault_transit_parse(SPAN(KEY_OF("aes256-gcm96", "", "0")), &spec, &version, &none), FAIL_UPSTREAM);
    assert_null(none);
    assert_int_equal(spec.algorithm, KEY_ALGORITHM_AES); /* of the last good one */
}

static void bytes_of_answers(void **state)
{
    static const struct {
        const char *text;
        enum fail_kind kind;
        const char *wanted;
    } rows[] = {
        { "vault:v1:YWJjZA==", FAIL_NONE, "abcd" }, { "vault:v12:YWJjZA", FAIL_NONE, "abcd" },
        { "vault:v1:Pz8_", FAIL_NONE, "???" },      { "vault:v1:Pz8/", FAIL_NONE, "???" },
        { "vault:v:YWJj", FAIL_UPSTREAM, NULL },    { "vault:v1", FAIL_UPSTREAM, NULL },
        { "YWJj", FAIL_UPSTREAM, NULL },            { "vault:v1:YW=j", FAIL_UPSTREAM, NULL },
        { "vault:v1:Y", FAIL_UPSTREAM, NULL },      { "vault:vx:YWJj", FAIL_UPSTREAM, NULL },
        { "", FAIL_UPSTREAM, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out owned(buf_done) = buf_of(64);
        struct err e = vault_transit_bytes(span_str(rows[i].text), &out);

        if (e.kind != rows[i].kind)
            fail_msg("%s: %s", rows[i].text, fail_kind_name(e.kind));
        if (!failed(e))
            assert_string_equal(buf_str(&out), rows[i].wanted);
    }
}

/* Refused before anybody is asked: there is no server here. */
static void wrong_uses(void **state)
{
    struct vault nobody = { .prefix = prefix };
    struct keystore *k = &nobody.face;
    const struct key_ref ref = { SPAN("default"), SPAN("k"), 1, { 0 } };
    const struct key_spec ec = { KEY_ALGORITHM_EC, 256 }, rsa = { KEY_ALGORITHM_RSA, 2048 }, aes = { KEY_ALGORITHM_AES, 256 };
    const struct span hash = SPAN("0123456789abcdef0123456789abcdef");
    struct buf out owned(buf_done) = buf_of(1024);
    struct secret *plain owned(secret_free) = NULL;

    (void)state;
    assert_fails(vault_transit_sign(k, &ref, &ec, SIGNATURE_RSA_PSS, DIGEST_SHA256, hash, &out), FAIL_INPUT);
    assert_fails(vault_transit_sign(k, &ref, &rsa, SIGNATURE_ECDSA, DIGEST_SHA256, hash, &out), FAIL_INPUT);
    assert_fails(vault_transit_sign(k, &ref, &aes, SIGNATURE_RSA_PKCS1, DIGEST_SHA256, hash, &out), FAIL_INPUT);
    assert_fails(vault_transit_sign(k, &ref, &rsa, SIGNATURE_RSA_PSS, DIGEST_SHA384, hash, &out), FAIL_INPUT);
    assert_fails(vault_transit_sign(k, &ref, &rsa, SIGNATURE_RSA_PSS, DIGEST_SHA1, span_head(hash, 20), &out), FAIL_INPUT);
    assert_fails(vault_transit_decrypt(k, &ref, &ec, hash, (struct span){ 0 }, &plain), FAIL_INPUT);
    assert_fails(vault_transit_decrypt(k, &ref, &rsa, hash, hash, &plain), FAIL_INPUT);
    assert_fails(vault_transit_decrypt(k, &ref, &aes, (struct span){ 0 }, hash, &plain), FAIL_LIMIT);
    assert_fails(vault_transit_derive(k, &ref, &rsa, hash, &plain), FAIL_INPUT);
    assert_fails(vault_transit_derive(k, &ref, &aes, hash, &plain), FAIL_INPUT); /* no engine is configured */
    assert_null(plain);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_of_keys), cmocka_unit_test(descriptions),
                                        cmocka_unit_test(bytes_of_answers), cmocka_unit_test(wrong_uses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
