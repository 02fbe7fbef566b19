// SPDX-License-Identifier: Apache-2.0
/* What guests of Confidential Containers have signed: by exchanges of the original, and by what
 * must be refused; and their init-data. */
#include "unit.h"

#include "attestd/guest_runtime.h"
#include "base/hex.h"
#include "crypto/crypto.h"

static const struct {
    const char *text, *digest;
} exchanges[] = {
    { "{\"type\":\"guest\",\"protocol\":\"0.4.0\",\"tenant\":\"default\",\"nonce\":\"244oSuT"
      "QACkwxHh2OueivVIYpAgbuZDIhM0O/hoG6Uw=\",\"tee_pubkey\":{\"alg\":\"ECDH-ES+A2"
      "56KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"btj3_QB3F1uEqS4JKBZtTdT9X54bfYNiKP"
      "JzFb29C-U\",\"y\":\"Z8wBkUTKe7cvXhk1RJ--uATn0rYXHkVjcfD5jC7GaTc\"},\"additio"
      "nal_evidence\":\"\"}",
      "78618fade6fe215e5f85681be36361e008da29163ad1798e42e91066f02d1f67470952e636562e4ae4bc367bf0a1"
      "7df8" },
    { "{\"type\":\"guest\",\"protocol\":\"0.4.0\",\"tenant\":\"default\",\"nonce\":\"g13wXn5"
      "2sBGOCpU/UD+jg+seJYUtp/gaGTq6OhuoWvU=\",\"tee_pubkey\":{\"alg\":\"ECDH-ES+A2"
      "56KW\",\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"AKoVHI43NbGU4aX7vX7yJOG6I5fXT07lGR"
      "8ohWv4npiApaB2fUI5w9zaPZpnJDHBt391RtCsD-dn_u1sYjv6X32r\",\"y\":\"AbIPcPsmG"
      "sR4S1TJoYJi6cd1t2wLu29HkvAp9UaF2bgeImLdw8FuMFDU6ryvAFL-RWF6IPPapESlcZf"
      "AQss4n1hW\"},\"additional_evidence\":\"\"}",
      "158e47322b5c69514c2eb3ecf38949425f9f301f7217758c5c4d7bbd71a3942d4db00f2823baf78cd4a042f80930"
      "06fd" },
    { "{\"type\":\"guest\",\"protocol\":\"0.4.0\",\"tenant\":\"default\",\"nonce\":\"FBuIVJ2"
      "SE7G1/qrdXI9gUfmiNN0KIrC0AsmtXiiyGSk=\",\"tee_pubkey\":{\"alg\":\"RSA-OAEP-2"
      "56\",\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"xSzOnFCpO0dXYQ9h3DHdw82tt75zQcGL4KjIOz"
      "5x2Uf2SwwsUIAvKUHy5r0YXC-vVs16l_08ddzwkgliVj5lY5Kv6zWKBQe3GJGKBUPHgER2"
      "cHOE5ZufXDqStRCcsJZ3MHP68xW_owlnBujdmZ0X-NrTTSlLZk4DPj8nkgMHVwr8_iTLOv"
      "dziz0t-Rr3gVxyrSZImgPamEAztusmSUxrPagbznAyNZQfLJWfbsUl9vJZf-VWXHTSXuL9"
      "4phXiWTzhFzV4X4einD0qoarAiaNgQUKu7uPPIaUruQ1SoSvfFl81gAhrOZz23OS8FpYW2"
      "DzOsbRo6IAJiihurfw_mw1Cw\"},\"additional_evidence\":\"\"}",
      "95aa28d02d5a2640647838edc602b068d49e0b3e627abef51c724b13782d925c31200ee831d2f0f47d6900dc10f9"
      "3850" },
    { "{\"type\":\"guest\",\"protocol\":\"0.4.0\",\"tenant\":\"default\",\"nonce\":\"L2q+1cZ"
      "/wDcIgnMD6nV5x0OOqCXzrje2Qavt6dN4AxA=\",\"tee_pubkey\":{\"alg\":\"ECDH-ES+A2"
      "56KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"AMZKuvqm8wvj1xzo5J_c5i2vy76Gwml3o3"
      "aSWkswAdY\",\"y\":\"gXWTN_CygeLJ3TxPQJ0qzucipkSgz3cGVaaVRxerffQ\"},\"additio"
      "nal_evidence\":\"\"}",
      "c352bb54142819a02aeb74d5e60250a2544e9091b1f47e509c8cb2f889ba0bcdfa3c2b4d24fc1e4d16ae1c2f22b1"
      "629f" },
};

/* SHA-384, computed with Python's hashlib: of the members, and of nonce, n and e, for the key of
 * the third exchange as one of RSA1_5. */
#define OLD                                                                                        \
    "de463476b6958000fc2d9b0a89422fa5b94b545bffc6abea"                                             \
    "f05767e8b8f4b8ccb5d57d88072642a6f99d884fa14f8955"
#define VERY_OLD                                                                                   \
    "8697a97094e59c8adcb241a8e7ea152266f570ec749ba92d"                                             \
    "73797c26ca1fee96459b9713f25791d6b570f300542c62ea"

static json_t *parse(const char *text)
{
    json_t *j = NULL;
    assert_ok(json_parse_object(span_str(text), &j));
    return j;
}

static void says(const uint8_t data[REPORT_DATA_SIZE], const char *digest)
{
    char hex[2 * REPORT_DATA_SIZE + 1];
    hex_str(span_from(data, REPORT_DATA_SIZE), hex);
    assert_memory_equal(hex, digest, 96);
    assert_string_equal(hex + 96, "00000000000000000000000000000000");
}

static void exchanges_of_the_original(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(*exchanges); i++) {
        json_t *j owned(json_free) = parse(exchanges[i].text);
        struct runtime_data d;
        assert_ok(runtime_data_parse(j, SPAN("default"), &d));
        says(d.report_data, exchanges[i].digest);
        assert_true(d.expected && d.encryption_jkt[0] && !d.signing_jkt[0] && !d.has_other);
        assert_int_equal(strlen(d.challenge), 7 + 64);
        /* members that nobody hashes change nothing; those that are hashed do */
        json_set_str(json_object_get(j, "tee_pubkey"), "kid", "x");
        assert_ok(runtime_data_parse(j, SPAN("default"), &d));
        says(d.report_data, exchanges[i].digest);
        json_set_str(j, "additional_evidence", "{}");
        struct runtime_data other;
        assert_ok(runtime_data_parse(j, SPAN("default"), &other));
        assert_memory_not_equal(d.report_data, other.report_data, REPORT_DATA_SIZE);
    }
}

static void the_oldest(void **state)
{
    (void)state;
    json_t *j owned(json_free) = parse(exchanges[2].text);
    struct runtime_data d;
    json_set_str(j, "protocol", "0.1.0");
    json_set_str(json_object_get(j, "tee_pubkey"), "alg", "RSA1_5");
    assert_ok(runtime_data_parse(j, SPAN("default"), &d));
    says(d.report_data, OLD);
    assert_true(d.has_other);
    says(d.other_report_data, VERY_OLD);
    json_set_str(j, "protocol", "0.1.1");
    assert_ok(runtime_data_parse(j, SPAN("default"), &d));
    says(d.report_data, OLD);
    assert_false(d.has_other);
    json_set_str(j, "protocol", "0.2.0"); /* which has no RSA1_5 any more */
    assert_fails(runtime_data_parse(j, SPAN("default"), &d), FAIL_INPUT);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *member, *value; /* NULL: taken away */
    } rows[] = {
        { "nonce", "AAAA" },     { "nonce", "" },        { "nonce", NULL },
        { "protocol", "0.5.0" }, { "protocol", NULL },   { "tenant", "other" },
        { "tee_pubkey", "x" },   { "tee_pubkey", NULL }, { "more", "x" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *j owned(json_free) = parse(exchanges[0].text);
        struct runtime_data d;
        if (rows[i].value)
            json_set_str(j, rows[i].member, rows[i].value);
        else
            json_object_del(j, rows[i].member);
        assert_fails(runtime_data_parse(j, SPAN("default"), &d), FAIL_INPUT);
    }
    static const struct {
        const char *member, *value;
    } keys[] = {
        { "alg", "RSA-OAEP-256" }, { "alg", "none" }, { "alg", NULL },
        { "crv", "P-384" },        { "kty", "oct" },  { "x", "AAAA" },
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        json_t *j owned(json_free) = parse(exchanges[0].text);
        json_t *key = json_object_get(j, "tee_pubkey");
        struct runtime_data d;
        if (keys[i].value)
            json_set_str(key, keys[i].member, keys[i].value);
        else
            json_object_del(key, keys[i].member);
        assert_fails(runtime_data_parse(j, SPAN("default"), &d), FAIL_INPUT);
    }
}

#define TOML "version = \"0.1.0\"\n algorithm = \"sha256\"\n[data]\nalgorithm = \"sha512\"\n"

static void init_data(void **state)
{
    (void)state;
    static const struct {
        const char *text, *claim;
        size_t size; /* of the field */
        bool good;
    } rows[] = {
        { TOML, "host_data", 32, true },
        { TOML, "mrconfigid", 48, true },
        { TOML, "configid", 64, true },
        { "algorithm = 'sha512'\n", "host_data", 32, true }, /* cut to the field */
        { "algorithm=\"sha384\"", "mrconfigid", 48, true },
        { "algorithm = \"sm3\"\n", "host_data", 32, false },
        { "[data]\nalgorithm = \"sha256\"\n", "host_data", 32, false },
        { "algorithm = sha256\n", "host_data", 32, false },
        { "x", "host_data", 32, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct runtime_data d = { .init_data = span_str(rows[i].text) };
        json_t *claims owned(json_free) = json_object();
        enum digest_kind kind = strstr(rows[i].text, "'sha512'")    ? DIGEST_SHA512
                                : strstr(rows[i].text, "=\"sha384") ? DIGEST_SHA384
                                                                    : DIGEST_SHA256;
        uint8_t field[64] = { 0 };
        const char *wrong;
        assert_ok(digest_of(kind, d.init_data, field));
        json_set_hex(claims, rows[i].claim, span_from(field, rows[i].size));
        assert_ok(guest_init_data_check(&d, claims, &wrong));
        assert_int_equal(!wrong, rows[i].good);
        assert_int_equal(json_object_get(claims, "init_data_digest") != NULL, rows[i].good);
        json_object_del(claims, "init_data_digest");
        field[0] ^= 1;
        json_set_hex(claims, rows[i].claim, span_from(field, rows[i].size));
        assert_ok(guest_init_data_check(&d, claims, &wrong));
        assert_non_null(wrong);
        assert_null(json_object_get(claims, "init_data_digest"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges_of_the_original),
        cmocka_unit_test(the_oldest),
        cmocka_unit_test(refused),
        cmocka_unit_test(init_data),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
