// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/random.h"

static struct secret *from_hex(const char *text)
{
    struct secret *s = secret_new(strlen(text) / 2);
    assert_non_null(s);
    assert_false(failed(hex_parse_exact(span_str(text), secret_fill(s), secret_len(s))));
    return s;
}

static void opens_only_what_was_sealed(void **state)
{
    (void)state;
    struct secret *key owned(secret_free) = NULL, *other owned(secret_free) = NULL, *plain owned(secret_free) = NULL;
    struct buf sealed owned(buf_done) = buf_of(256);
    assert_false(failed(random_secret(AEAD_KEY_SIZE, &key)));
    assert_false(failed(random_secret(AEAD_KEY_SIZE, &other)));
    plain = secret_copy(SPAN("a private key"));
    assert_false(failed(aead_seal(key, SPAN("v1"), plain, &sealed)));
    assert_int_equal(sealed.len, secret_len(plain) + AEAD_OVERHEAD);

    struct secret *back owned(secret_free) = NULL, *none owned(secret_free) = NULL;
    assert_false(failed(aead_open(key, SPAN("v1"), buf_span(&sealed), &back)));
    assert_true(secret_equal(plain, back));
    assert_int_equal(aead_open(other, SPAN("v1"), buf_span(&sealed), &none).kind, FAIL_DENIED);
    assert_int_equal(aead_open(key, SPAN("v2"), buf_span(&sealed), &none).kind, FAIL_DENIED);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.at[i] ^= 1;
        assert_int_equal(aead_open(key, SPAN("v1"), buf_span(&sealed), &none).kind, FAIL_DENIED);
        sealed.at[i] ^= 1;
        assert_int_equal(aead_open(key, SPAN("v1"), span_head(buf_span(&sealed), i), &none).kind, FAIL_DENIED);
    }
    assert_null(none);
}

static void key_wrap_agrees_with_rfc3394(void **state)
{
    (void)state;
    /* Section 4.6: 256 bits of key data with a 256-bit KEK. */
    struct secret *kek owned(secret_free) = from_hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    struct secret *key owned(secret_free) = from_hex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
    struct secret *wanted owned(secret_free) =
        from_hex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21");
    struct buf out owned(buf_done) = buf_of(64);
    struct secret *back owned(secret_free) = NULL, *none owned(secret_free) = NULL;

    assert_false(failed(aes_kw_wrap(kek, key, &out)));
    assert_true(span_equal(buf_span(&out), secret_expose(wanted)));
    assert_false(failed(aes_kw_unwrap(kek, buf_span(&out), &back)));
    assert_true(secret_equal(back, key));
    out.at[3] ^= 0x80;
    assert_int_equal(aes_kw_unwrap(kek, buf_span(&out), &none).kind, FAIL_DENIED);
    assert_int_equal(aes_kw_unwrap(kek, span_head(buf_span(&out), 39), &none).kind, FAIL_INPUT);
    assert_int_equal(aes_kw_unwrap(kek, span_head(buf_span(&out), 16), &none).kind, FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(opens_only_what_was_sealed),
                                        cmocka_unit_test(key_wrap_agrees_with_rfc3394) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
