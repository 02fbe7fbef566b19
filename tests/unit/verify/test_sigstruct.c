// SPDX-License-Identifier: Apache-2.0
#include "verify/sigstruct_check.h"

#include "base/file.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "unit.h"

#define MRSIGNER "d4d2c38fa234435f63f1a17f34ce71e28993a6ae69106973e0bac76bf3031d26"
#define MRENCLAVE "8daed7f80b5847c9f1641ae1e9d83612b7e0753c2d773f1feab4a264814449cd"

static void load(const char *name, struct buf *out)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/sigstruct/%s", options_env("WARDER_VECTORS"), name);
    assert_ok(file_read(path, out));
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void test_good(void **state)
{
    struct buf bytes owned(buf_done) = buf_of(4096);
    struct sigstruct s;
    owned(json_free) json_t *claims = NULL;
    load("enclave.sig", &bytes);
    assert_ok(sigstruct_parse(buf_span(&bytes), &s));
    assert_ok(sigstruct_check(&s, &claims));
    assert_string_equal(text_of(claims, "mrenclave"), MRENCLAVE);
    assert_string_equal(text_of(claims, "mrsigner"), MRSIGNER);
    assert_int_equal(json_integer_value(json_object_get(claims, "isvprodid")), 7);
    assert_int_equal(json_integer_value(json_object_get(claims, "isvsvn")), 3);
    assert_int_equal(s.date, 0x20261123);
    assert_false(sigstruct_is_debug(&s));
    (void)state;
}

static void test_debug(void **state)
{
    struct buf bytes owned(buf_done) = buf_of(4096);
    struct sigstruct s;
    load("debug.sig", &bytes);
    assert_ok(sigstruct_parse(buf_span(&bytes), &s));
    assert_true(sigstruct_is_debug(&s));
    (void)state;
}

/* Every byte but SWDEFINED's neighbours is signed, checked, or an aid that nothing rests on. */
static void test_every_byte(void **state)
{
    struct buf bytes owned(buf_done) = buf_of(4096);
    load("enclave.sig", &bytes);
    for (size_t i = 0; i < 1028; i++) {
        uint8_t changed[SIGSTRUCT_SIZE];
        struct sigstruct s;
        json_t *claims = NULL;
        memcpy(changed, bytes.at, sizeof(changed));
        changed[i] ^= 0x01;
        struct err e = sigstruct_parse(SPAN_OF(changed), &s);
        if (!failed(e))
            e = sigstruct_check(&s, &claims);
        if (!failed(e))
            fail_msg("byte %zu does not count", i);
        assert_null(claims);
    }
    (void)state;
}

static void test_prefixes(void **state)
{
    struct buf bytes owned(buf_done) = buf_of(4096);
    struct sigstruct s;
    load("enclave.sig", &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        assert_fails(sigstruct_parse(span_head(buf_span(&bytes), len), &s), FAIL_INPUT);
    buf_add_u8(&bytes, 0);
    assert_fails(sigstruct_parse(buf_span(&bytes), &s), FAIL_INPUT);
    (void)state;
}

static int start(void **state)
{
    (void)state;
    return failed(crypto_start(CRYPTO_MEMORY_PLAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_debug),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
