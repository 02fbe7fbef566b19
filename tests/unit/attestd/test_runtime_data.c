// SPDX-License-Identifier: Apache-2.0
#include "attestd/runtime_data.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/crypto.h"

/* The curve's generator and its double: points that everybody can write down. */
#define GX "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define GY "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define DX "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978"
#define DY "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1"

/* SHA-512 of the five parts, computed with Python's hashlib. */
#define EXPECTED                                                                                   \
    "9cc2496b7408a15aa5db8e99435144e5149caabace4e85d8951533027b9f580e"                             \
    "5bbcc985d42a8dd8d7189271c0f6dfeb0dbe12eb4b7ecfc1cc62efabef1b35ee"

static json_t *jwk_of(const char *x, const char *y)
{
    uint8_t bytes[32];
    json_t *j = json_object();
    json_set_str(j, "kty", "EC");
    json_set_str(j, "crv", "P-256");
    assert_false(failed(hex_parse_exact(span_str(x), bytes, 32)));
    json_set_base64url(j, "x", SPAN_OF(bytes));
    assert_false(failed(hex_parse_exact(span_str(y), bytes, 32)));
    json_set_base64url(j, "y", SPAN_OF(bytes));
    return j;
}

static json_t *kbs(const char *challenge, const char *tenant)
{
    json_t *j = json_object();
    json_set_str(j, "type", "kbs-v1");
    json_set_str(j, "challenge", challenge);
    json_set_str(j, "tenant", tenant);
    json_object_set_new(j, "signing_key", jwk_of(GX, GY));
    json_object_set_new(j, "encryption_key", jwk_of(DX, DY));
    return j;
}

static void test_known_value(void **state)
{
    owned(json_free) json_t *j = kbs("challenge", "default");
    struct runtime_data d;
    char hex[2 * REPORT_DATA_SIZE + 1];
    assert_false(failed(runtime_data_parse(j, SPAN("default"), &d)));
    assert_true(d.expected && d.signing_jkt[0] && d.signing_key);
    assert_string_equal(hex_str(SPAN_OF(d.report_data), hex), EXPECTED);
    assert_string_not_equal(d.signing_jkt, d.encryption_jkt);
    (void)state;
}

/* L48: what moves from one part to its neighbour changes the hash. */
static void test_parts_do_not_run_together(void **state)
{
    owned(json_free) json_t *a = kbs("challenged", "efault"), *b = kbs("challenge", "default");
    struct runtime_data da, db;
    assert_false(failed(runtime_data_parse(a, SPAN("efault"), &da)));
    assert_false(failed(runtime_data_parse(b, SPAN("default"), &db)));
    assert_memory_not_equal(da.report_data, db.report_data, REPORT_DATA_SIZE);
    (void)state;
}

static void test_absent_and_value(void **state)
{
    struct runtime_data d;
    assert_false(failed(runtime_data_parse(NULL, SPAN("default"), &d)));
    assert_false(d.expected || d.signing_jkt[0]);
    char hex[2 * REPORT_DATA_SIZE + 1];
    memset(hex, 'a', sizeof(hex) - 1);
    hex[sizeof(hex) - 1] = 0;
    owned(json_free) json_t *j = json_pack("{s:s,s:s}", "type", "report-data", "value", hex);
    assert_false(failed(runtime_data_parse(j, SPAN("default"), &d)));
    assert_true(d.expected && !d.signing_jkt[0] && d.report_data[63] == 0xaa);
    hex[2 * REPORT_DATA_SIZE - 1] = 0;
    json_set_str(j, "value", hex);
    assert_true(failed(runtime_data_parse(j, SPAN("default"), &d)));
    (void)state;
}

static json_t *nonce(const char *text, const char *data)
{
    json_t *j = json_pack("{s:s,s:s}", "type", "nonce", "nonce", text);
    if (data)
        json_set_str(j, "data", data);
    return j;
}

/* Nonce, tenant, key and data are each bound, and the nonce is known to the front too. */
static void test_nonce(void **state)
{
    json_t *j[] = { nonce("abc", NULL),   nonce("abd", NULL), nonce("abc", "AAAA"),
                                     nonce("abc", "AAAB"), nonce("abc", NULL), nonce("abc", NULL) };
    struct runtime_data d[6];
    json_object_set_new(j[4], "signing_key", jwk_of(GX, GY));
    for (size_t i = 0; i < 6; i++) {
        assert_false(failed(runtime_data_parse(j[i], i < 5 ? SPAN("default") : SPAN("t"), &d[i])));
        assert_true(d[i].expected && !d[i].challenge[0] && !d[i].encryption_jkt[0]);
        assert_int_equal(!!d[i].signing_jkt[0], i == 4);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(d[i].report_data, d[k].report_data, REPORT_DATA_SIZE);
    }
    assert_true(span_equal_str(runtime_data_nonce(j[0]), "abc"));
    assert_int_equal(runtime_data_nonce(NULL).len, 0);
    json_set_str(j[0], "type", "report-data");
    assert_int_equal(runtime_data_nonce(j[0]).len, 0);
    for (size_t i = 0; i < 6; i++)
        json_free(j[i]);
    (void)state;
}

static void test_bad_nonces(void **state)
{
    char text[RUNTIME_NONCE_MAX + 2], data[RUNTIME_BOUND_MAX * 2];
    memset(text, 'a', sizeof(text) - 1);
    memset(data, 'A', sizeof(data) - 1);
    text[sizeof(text) - 1] = data[sizeof(data) - 1] = 0;
    json_t *const bad[] = { nonce("", NULL), nonce(text, NULL), nonce("a", "!"), nonce("a", data),
                            json_pack("{s:s}", "type", "nonce"),
                            json_pack("{s:s,s:s,s:i}", "type", "nonce", "nonce", "a", "more", 1),
                            json_pack("{s:s,s:s,s:{}}", "type", "nonce", "nonce", "a",
                                      "signing_key") };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct runtime_data d;
        assert_true(failed(runtime_data_parse(bad[i], SPAN("default"), &d)));
        json_free(bad[i]);
    }
    (void)state;
}

static void test_refused(void **state)
{
    struct runtime_data d;
    static const char *const members[] = { "type", "challenge", "tenant", "signing_key",
                                           "encryption_key" };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        owned(json_free) json_t *j = kbs("c", "default");
        json_object_del(j, members[i]);
        assert_true(failed(runtime_data_parse(j, SPAN("default"), &d)));
        json_object_set_new(j, members[i], json_integer(1));
        assert_true(failed(runtime_data_parse(j, SPAN("default"), &d)));
    }
    owned(json_free) json_t *other = kbs("c", "other"), *empty = kbs("", "default"),
                            *more = kbs("c", "default");
    owned(json_free) json_t *off_curve = kbs("c", "default"), *private = kbs("c", "default");
    json_set_str(more, "nonce", "x");
    json_object_set_new(off_curve, "signing_key", jwk_of(GX, DY));
    json_t *key = jwk_of(GX, GY);
    json_set_str(key, "d", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE");
    json_object_set_new(private, "signing_key", key);
    const json_t *wrong[] = { other, empty, more, off_curve, private };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_true(failed(runtime_data_parse(wrong[i], SPAN("default"), &d)));
    (void)state;
}

static int set_up(void **state)
{
    (void)state;
    return failed(crypto_start(CRYPTO_MEMORY_PLAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_value),
        cmocka_unit_test(test_parts_do_not_run_together),
        cmocka_unit_test(test_absent_and_value),
        cmocka_unit_test(test_nonce),
        cmocka_unit_test(test_bad_nonces),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
