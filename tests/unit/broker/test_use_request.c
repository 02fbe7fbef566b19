// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "broker/use_request.h"

#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 32 bytes */

static struct err parse(const char *text, struct use_request *out)
{
    json_t *j owned(json_free) = NULL;
    assert_ok(json_parse_object(span_str(text), &j));
    return use_request_parse(j, out);
}

static void operations(void **state)
{
    static struct use_request r;
    (void)state;
    assert_ok(parse("{\"name\":\"describe\"}", &r));
    assert_true(r.describe);
    assert_int_equal(r.version, 0);
    assert_ok(parse("{\"name\":\"describe\",\"key_version\":7}", &r));
    assert_int_equal(r.version, 7);
    assert_ok(parse("{\"name\":\"describe\"}", &r));
    assert_string_equal(use_request_name(&r), "describe");
    assert_ok(parse("{\"name\":\"sign\",\"mechanism\":\"RSASSA-PSS\",\"hash\":\"SHA-256\",\"input\":\"" HASH "\"}", &r));
    assert_false(r.describe);
    assert_int_equal(r.use.operation, KEY_OPERATION_SIGN);
    assert_int_equal(r.use.mechanism, KEY_MECHANISM_RSA_PSS);
    assert_int_equal(r.use.hash, DIGEST_SHA256);
    assert_int_equal(r.use.input.len, 32);
    assert_ok(parse("{\"name\":\"derive\",\"mechanism\":\"ECDH\",\"input\":\"BAAA\"}", &r));
    assert_int_equal(r.use.operation, KEY_OPERATION_DERIVE);
    assert_ok(parse("{\"name\":\"decrypt\",\"mechanism\":\"RSA-OAEP\",\"hash\":\"SHA-1\",\"input\":\"AAAA\",\"label\":\"AAAA\"}", &r));
    assert_int_equal(r.use.label.len, 3);
}

static void bad(void **state)
{
    static struct use_request r;
    static const char *const texts[] = {
        "{}",
        "{\"name\":1}",
        "{\"name\":\"encrypt\",\"mechanism\":\"RSA-OAEP\",\"hash\":\"SHA-1\",\"input\":\"AAAA\"}",
        "{\"name\":\"describe\",\"input\":\"AAAA\"}",
        "{\"name\":\"describe\",\"key_version\":-1}",
        "{\"name\":\"describe\",\"key_version\":4294967296}",
        "{\"name\":\"describe\",\"key_version\":\"1\"}",
        "{\"name\":\"sign\",\"hash\":\"SHA-256\",\"input\":\"" HASH "\"}",
        "{\"name\":\"sign\",\"mechanism\":\"RSASSA-PSS\",\"input\":\"" HASH "\"}",
        "{\"name\":\"sign\",\"mechanism\":\"RSASSA-PSS\",\"hash\":\"MD5\",\"input\":\"" HASH "\"}",
        "{\"name\":\"sign\",\"mechanism\":\"RSASSA-PSS\",\"hash\":\"SHA-256\"}",
        "{\"name\":\"sign\",\"mechanism\":\"RSASSA-PSS\",\"hash\":\"SHA-256\",\"input\":\"\"}",
        "{\"name\":\"sign\",\"mechanism\":\"RSASSA-PSS\",\"hash\":\"SHA-256\",\"input\":\"+\"}",
        "{\"name\":\"sign\",\"mechanism\":\"RSASSA-PSS\",\"hash\":\"SHA-256\",\"input\":\"" HASH "\",\"other\":1}",
        "{\"name\":\"derive\",\"mechanism\":\"ECDH\",\"hash\":\"SHA-256\",\"input\":\"BAAA\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_fails(parse(texts[i], &r), FAIL_INPUT);
}

/* An input of KEY_INPUT_MAX bytes is read, one more is not. */
static void long_inputs(void **state)
{
    static struct use_request r;
    (void)state;
    for (size_t more = 0; more <= 4; more += 4) { /* base64url characters: 1024 bytes are 1366 */
        struct buf text owned(buf_done) = buf_of(4096);
        buf_add_str(&text, "{\"name\":\"decrypt\",\"mechanism\":\"RSA-OAEP\",\"hash\":\"SHA-1\",\"input\":\"");
        for (size_t i = 0; i < 1366 + more; i++)
            buf_add_u8(&text, 'A');
        buf_add_str(&text, "\"}");
        assert_int_equal(parse(buf_str(&text), &r).kind, more ? FAIL_INPUT : FAIL_NONE);
    }
}

static void what_suits_a_key(void **state)
{
    static uint8_t bytes[KEY_INPUT_MAX] = { 4 };
    static const struct {
        struct key_spec spec;
        struct key_use use;
        bool good;
    } rows[] = {
        { { KEY_ALGORITHM_RSA, 2048 }, { KEY_OPERATION_SIGN, KEY_MECHANISM_RSA_PSS, DIGEST_SHA384, { bytes, 48 }, { 0 }, 0, 0 }, true },
        { { KEY_ALGORITHM_RSA, 2048 }, { KEY_OPERATION_SIGN, KEY_MECHANISM_RSA_PSS, DIGEST_SHA384, { bytes, 32 }, { 0 }, 0, 0 }, false },
        { { KEY_ALGORITHM_RSA, 2048 }, { KEY_OPERATION_SIGN, KEY_MECHANISM_RSA_PKCS1, DIGEST_SHA1, { bytes, 20 }, { 0 }, 0, 0 }, false },
        { { KEY_ALGORITHM_EC, 256 }, { KEY_OPERATION_SIGN, KEY_MECHANISM_RSA_PSS, DIGEST_SHA256, { bytes, 32 }, { 0 }, 0, 0 }, false },
        { { KEY_ALGORITHM_EC, 256 }, { KEY_OPERATION_SIGN, KEY_MECHANISM_ECDSA, DIGEST_SHA256, { bytes, 32 }, { 0 }, 0, 0 }, true },
        { { KEY_ALGORITHM_EC, 256 }, { KEY_OPERATION_DERIVE, KEY_MECHANISM_ECDSA, DIGEST_SHA256, { bytes, 32 }, { 0 }, 0, 0 }, false },
        { { KEY_ALGORITHM_EC, 521 }, { KEY_OPERATION_DERIVE, KEY_MECHANISM_ECDH, DIGEST_SHA1, { bytes, 133 }, { 0 }, 0, 0 }, true },
        { { KEY_ALGORITHM_EC, 521 }, { KEY_OPERATION_DERIVE, KEY_MECHANISM_ECDH, DIGEST_SHA1, { bytes, 132 }, { 0 }, 0, 0 }, false },
        { { KEY_ALGORITHM_EC, 521 }, { KEY_OPERATION_DERIVE, KEY_MECHANISM_ECDH, DIGEST_SHA1, { bytes + 1, 133 }, { 0 }, 0, 0 }, false },
        { { KEY_ALGORITHM_RSA, 3072 }, { KEY_OPERATION_DECRYPT, KEY_MECHANISM_RSA_OAEP, DIGEST_SHA1, { bytes, 384 }, { bytes, 256 }, 0, 0 }, true },
        { { KEY_ALGORITHM_RSA, 3072 }, { KEY_OPERATION_DECRYPT, KEY_MECHANISM_RSA_OAEP, DIGEST_SHA1, { bytes, 256 }, { 0 }, 0, 0 }, false },
        { { KEY_ALGORITHM_RSA, 2048 }, { KEY_OPERATION_SIGN, KEY_MECHANISM_RSA_PSS, DIGEST_SHA256, { bytes, 32 }, { bytes, 1 }, 0, 0 }, false },
        { { KEY_ALGORITHM_AES, 256 }, { KEY_OPERATION_DECRYPT, KEY_MECHANISM_RSA_OAEP, DIGEST_SHA1, { bytes, 32 }, { 0 }, 0, 0 }, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (failed(key_use_check(&rows[i].use, &rows[i].spec)) == rows[i].good)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(operations), cmocka_unit_test(bad), cmocka_unit_test(long_inputs),
                                        cmocka_unit_test(what_suits_a_key) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
