// SPDX-License-Identifier: Apache-2.0
#include "broker/key_request.h"

#include "unit.h"

static void modes(void **state)
{
    static const struct {
        const char *text;
        enum key_mode mode;
        unsigned bits;
        bool sealed;
    } rows[] = {
        { "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":3072}}", KEY_MODE_CREATE, 3072, false },
        { "{\"key_information\":{\"algorithm\":\"ec\",\"curve_type\":\"prime256v1\"}}", KEY_MODE_CREATE, 256, false },
        { "{\"key_information\":{\"algorithm\":\"AES\",\"key_string\":\"AAAA\"}}", KEY_MODE_IMPORT, 0, false },
        { "{\"key_information\":{\"algorithm\":\"AES\",\"key_string\":\"a.b.c.d.e\"}}", KEY_MODE_IMPORT, 0, true },
        { "{\"key_information\":{\"algorithm\":\"RSA\",\"kmip_key_id\":\"a/b\"},\"label\":\"l\"}", KEY_MODE_REGISTER, 0, false },
        { "{\"Key_Information\":{\"Algorithm\":\"RSA\",\"KEY_LENGTH\":2048},\"transfer_policy_ID\":\"x\"}", KEY_MODE_CREATE, 2048, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key_request r owned(key_request_done) = { 0 };
        assert_ok(key_request_parse(span_str(rows[i].text), &r));
        assert_int_equal(r.mode, rows[i].mode);
        assert_int_equal(r.spec.bits, rows[i].bits);
        assert_int_equal(r.sealed, rows[i].sealed);
    }
}

static void bad(void **state)
{
    static const char *const texts[] = {
        "", "{}", "{\"key_information\":[]}", "{\"key_information\":{}}", "{\"key_information\":{\"algorithm\":\"RSA\"}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":\"2048\"}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":-1}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":1e3}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":7680}}",
        "{\"key_information\":{\"algorithm\":\"EC\",\"key_length\":256}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":2048,\"curve_type\":\"secp256r1\"}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_string\":\"\"}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_string\":\"a\",\"kmip_key_id\":\"b\"}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":2048},\"other\":1}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":2048,\"other\":1}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":2048},\"label\":1}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":2048},\"label\":\"a\",\"Label\":\"b\"}",
        "{\"key_information\":{\"algorithm\":\"OPAQUE\"}}",
        "{\"key_information\":{\"algorithm\":\"OPAQUE\",\"key_length\":128,\"key_string\":\"a\"}}",
        "{\"key_information\":{\"algorithm\":\"RSA\",\"key_length\":2048}} ,",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct key_request r owned(key_request_done) = { 0 };
        assert_fails(key_request_parse(span_str(texts[i]), &r), FAIL_INPUT);
    }
}

static void long_texts(void **state)
{
    struct buf text owned(buf_done) = buf_of(4096);
    struct key_request r owned(key_request_done) = { 0 };
    (void)state;
    buf_add_str(&text, "{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":128},\"label\":\"");
    for (int i = 0; i < 257; i++)
        buf_add_u8(&text, 'x');
    buf_add_str(&text, "\"}");
    assert_fails(key_request_parse(buf_span(&text), &r), FAIL_LIMIT);
}

/* What a key_string may hold: that of a secret's limit, sealed, and for keys less. */
static void long_key_strings(void **state)
{
    static const struct {
        const char *algorithm;
        size_t len;
        uint32_t kind;
    } rows[] = { { "OPAQUE", SEALED_SECRET_MAX, FAIL_NONE },
                 { "OPAQUE", SEALED_SECRET_MAX + 1, FAIL_LIMIT },
                 { "RSA", 48U << 10, FAIL_NONE },
                 { "RSA", (48U << 10) + 1, FAIL_LIMIT } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf text owned(buf_done) = buf_of(2 * SEALED_SECRET_MAX);
        struct key_request r owned(key_request_done) = { 0 };
        buf_addf(&text, "{\"key_information\":{\"algorithm\":\"%s\",\"key_string\":\"", rows[i].algorithm);
        uint8_t *at = buf_extend(&text, rows[i].len);
        assert_non_null(at);
        memset(at, 'x', rows[i].len);
        buf_add_str(&text, "\"}}");
        assert_int_equal(key_request_parse(buf_span(&text), &r).kind, rows[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(modes), cmocka_unit_test(bad), cmocka_unit_test(long_texts), cmocka_unit_test(long_key_strings) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
