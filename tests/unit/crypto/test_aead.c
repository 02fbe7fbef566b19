// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/crypto.h"
#include "crypto/gcm_internal.h"
#include "crypto/random.h"

static struct secret *of_hex(const char *hex)
{
    struct buf b owned(buf_done) = buf_of(4096);

    assert_false(failed(hex_parse(span_str(hex), &b)));
    return secret_copy(buf_span(&b));
}

/* RFC 3394 sections 4.3, 4.5 (128 and 192 bits of key data) and 4.6, those with a 256-bit KEK. */
static void rfc3394_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *key, *wrapped;
    } rows[] = {
        { "00112233445566778899aabbccddeeff", "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7" },
        { "00112233445566778899aabbccddeeff0001020304050607", "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1" },
        { "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
          "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21" },
    };
    struct secret *kek owned(secret_free) = of_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct secret *key owned(secret_free) = of_hex(rows[i].key), *back owned(secret_free) = NULL;
        struct buf wrapped owned(buf_done) = buf_of(64), text owned(buf_done) = buf_of(128);

        assert_false(failed(aes_kw_wrap(kek, key, &wrapped)));
        hex_add(&text, buf_span(&wrapped));
        assert_string_equal(buf_str(&text), rows[i].wrapped);
        assert_false(failed(aes_kw_unwrap(kek, buf_span(&wrapped), &back)));
        assert_true(secret_equal(key, back));
        for (size_t k = 0; k < wrapped.len; k++) {
            struct secret *none = NULL;
            wrapped.at[k] ^= 0x80;
            assert_int_equal(aes_kw_unwrap(kek, buf_span(&wrapped), &none).kind, FAIL_DENIED);
            wrapped.at[k] ^= 0x80;
            assert_true(failed(aes_kw_unwrap(kek, span_head(buf_span(&wrapped), k), &none)));
            assert_null(none);
        }
    }
}

static void key_wrap_refuses_odd_lengths(void **state)
{
    (void)state;
    struct secret *kek owned(secret_free) = secret_new(32), *short_kek owned(secret_free) = secret_new(16);
    struct buf out owned(buf_done) = buf_of(128);
    static const size_t lengths[] = { 0, 8, 15, 17, 31 };

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct secret *key owned(secret_free) = secret_new(lengths[i]);
        assert_int_equal(aes_kw_wrap(kek, key, &out).kind, FAIL_INPUT);
    }
    assert_int_equal(aes_kw_wrap(short_kek, kek, &out).kind, FAIL_INPUT);
    assert_int_equal(out.len, 0);
}

/* RFC 5649, its sample values being of 192 bits: from the package cryptography, KEK 00..1f, key 64.. */
static void padded_key_wrap_vectors(void **state)
{
    static const struct {
        size_t len;
        const char *wrapped;
    } rows[] = {
        { 1, "aee8e5979e2ddcf6d576baf14ba37816" },
        { 7, "edfa0cecade92d13782308d8534bf194" },
        { 8, "11a641166cead547fe9a663cf2f74248" },
        { 9, "a42a92e6888f85c9c8feeab1dc4701d254b5b8fa6878a695" },
        { 16, "7016913be2598833ff96618dedff27c635c1afda60b7890f" },
        { 67, "bb87441c09e427748b0e42394c3db36e3a11edbfd1f1467cb2a7e91aafc32b3f514c113fbf56d7fe0a4d120439607e79"
              "55d22cc014b0174fd0d3e2cc997824056ac211af626e6ccfdd8e582ae994032b" },
    };
    struct secret *kek owned(secret_free) = of_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct secret *key owned(secret_free) = secret_new(rows[i].len), *back owned(secret_free) = NULL;
        struct buf wrapped owned(buf_done) = buf_of(128), text owned(buf_done) = buf_of(256);

        for (size_t k = 0; k < rows[i].len; k++)
            secret_fill(key)[k] = (uint8_t)(100 + k);
        assert_false(failed(aes_kwp_wrap(kek, key, &wrapped)));
        hex_add(&text, buf_span(&wrapped));
        assert_string_equal(buf_str(&text), rows[i].wrapped);
        assert_false(failed(aes_kwp_unwrap(kek, buf_span(&wrapped), &back)));
        assert_true(secret_equal(key, back));
        for (size_t k = 0; k < wrapped.len; k++) {
            struct secret *none = NULL;
            wrapped.at[k] ^= 0x80;
            assert_int_equal(aes_kwp_unwrap(kek, buf_span(&wrapped), &none).kind, FAIL_DENIED);
            wrapped.at[k] ^= 0x80;
            assert_true(failed(aes_kwp_unwrap(kek, span_head(buf_span(&wrapped), k), &none)));
            assert_null(none);
        }
    }
    struct secret *empty owned(secret_free) = secret_new(0);
    struct buf out owned(buf_done) = buf_of(128);
    assert_int_equal(aes_kwp_wrap(kek, empty, &out).kind, FAIL_INPUT);
}

/* The GCM specification's test case 16: 256-bit key, associated data, a partial block. */
static void gcm_vector(void **state)
{
    (void)state;
    struct secret *key owned(secret_free) = of_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    struct secret *plain owned(secret_free) = of_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    struct buf nonce owned(buf_done) = buf_of(64), aad owned(buf_done) = buf_of(64), text owned(buf_done) = buf_of(256);
    uint8_t out[60], tag[GCM_TAG_SIZE];
    struct secret *back owned(secret_free) = NULL;

    assert_false(failed(hex_parse(SPAN("cafebabefacedbaddecaf888"), &nonce)));
    assert_false(failed(hex_parse(SPAN("feedfacedeadbeeffeedfacedeadbeefabaddad2"), &aad)));
    assert_false(failed(gcm_seal(key, nonce.at, buf_span(&aad), secret_expose(plain), out, tag)));
    hex_add(&text, SPAN_OF(out));
    hex_add(&text, SPAN_OF(tag));
    assert_string_equal(buf_str(&text), "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    assert_false(failed(gcm_open(key, nonce.at, buf_span(&aad), SPAN_OF(out), tag, &back)));
    assert_true(secret_equal(plain, back));
}

static void sealed_bytes_open_only_unchanged(void **state)
{
    (void)state;
    struct secret *key owned(secret_free) = NULL, *other owned(secret_free) = NULL, *back owned(secret_free) = NULL;
    struct secret *plain owned(secret_free) = secret_copy(SPAN("attack at dawn"));
    struct buf sealed owned(buf_done) = buf_of(256), again owned(buf_done) = buf_of(256);
    struct secret *none = NULL;

    assert_false(failed(random_secret(32, &key)));
    assert_false(failed(random_secret(32, &other)));
    assert_false(failed(aead_seal(key, SPAN("label"), plain, &sealed)));
    assert_int_equal(sealed.len, secret_len(plain) + AEAD_OVERHEAD);
    assert_false(failed(aead_open(key, SPAN("label"), buf_span(&sealed), &back)));
    assert_true(secret_equal(plain, back));
    assert_int_equal(aead_open(other, SPAN("label"), buf_span(&sealed), &none).kind, FAIL_DENIED);
    assert_int_equal(aead_open(key, SPAN("Label"), buf_span(&sealed), &none).kind, FAIL_DENIED);
    assert_int_equal(aead_open(key, SPAN(""), buf_span(&sealed), &none).kind, FAIL_DENIED);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.at[i] ^= 1;
        assert_int_equal(aead_open(key, SPAN("label"), buf_span(&sealed), &none).kind, FAIL_DENIED);
        sealed.at[i] ^= 1;
        assert_int_equal(aead_open(key, SPAN("label"), span_head(buf_span(&sealed), i), &none).kind, FAIL_DENIED);
    }
    assert_false(failed(aead_seal(key, SPAN("label"), plain, &again)));
    assert_false(span_equal(buf_span(&sealed), buf_span(&again))); /* a fresh nonce each time */
    assert_null(none);
}

static void empty_content(void **state)
{
    (void)state;
    struct secret *key owned(secret_free) = secret_new(32), *plain owned(secret_free) = secret_new(0);
    struct secret *back owned(secret_free) = NULL;
    struct buf sealed owned(buf_done) = buf_of(64);

    assert_false(failed(aead_seal(key, SPAN(""), plain, &sealed)));
    assert_false(failed(aead_open(key, SPAN(""), buf_span(&sealed), &back)));
    assert_int_equal(secret_len(back), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3394_vectors),
        cmocka_unit_test(key_wrap_refuses_odd_lengths),
        cmocka_unit_test(padded_key_wrap_vectors),
        cmocka_unit_test(gcm_vector),
        cmocka_unit_test(sealed_bytes_open_only_unchanged),
        cmocka_unit_test(empty_content),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
