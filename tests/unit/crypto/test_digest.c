// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/digest.h"

/* FIPS 180-4 examples: "abc". */
static void digests(void **state)
{
    (void)state;
    static const struct {
        enum digest_kind kind;
        const char *hex;
    } rows[] = {
        { DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { DIGEST_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { DIGEST_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
        { DIGEST_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t one[DIGEST_MAX], parts[DIGEST_MAX];
        char text[2 * DIGEST_MAX + 1];
        const struct span abc[] = { SPAN("a"), SPAN(""), SPAN("bc") };

        assert_false(failed(digest_of(rows[i].kind, SPAN("abc"), one)));
        assert_false(failed(digest_of_all(rows[i].kind, abc, 3, parts)));
        assert_string_equal(hex_str(span_from(one, digest_size(rows[i].kind)), text), rows[i].hex);
        assert_memory_equal(one, parts, digest_size(rows[i].kind));
    }
    char text[DIGEST_TEXT_SIZE];
    assert_false(failed(digest_text(SPAN(""), text)));
    assert_string_equal(text, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static struct secret *of_hex(const char *hex)
{
    struct buf b owned(buf_done) = buf_of(256);

    assert_false(failed(hex_parse(span_str(hex), &b)));
    return secret_copy(buf_span(&b));
}

/* RFC 4231 test cases 1, 2 and 6 (a key longer than a block). */
static void hmac_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *key, *data, *mac;
    } rows[] = {
        { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { "4a656665", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    };
    for (size_t i = 0; i < 2; i++) {
        struct secret *key owned(secret_free) = of_hex(rows[i].key);
        uint8_t mac[SHA256_SIZE];
        char text[2 * SHA256_SIZE + 1];

        assert_false(failed(hmac_sha256(key, span_str(rows[i].data), mac)));
        assert_string_equal(hex_str(SPAN_OF(mac), text), rows[i].mac);
    }
    struct secret *longer owned(secret_free) = secret_new(131);
    uint8_t mac[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    memset(secret_fill(longer), 0xaa, 131);
    assert_false(failed(hmac_sha256(longer, SPAN("Test Using Larger Than Block-Size Key - Hash Key First"), mac)));
    assert_string_equal(hex_str(SPAN_OF(mac), text), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 5869 appendix A.3: SHA-256, salt and info empty. */
static void hkdf_vector(void **state)
{
    (void)state;
    struct secret *key owned(secret_free) = of_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
    struct secret *okm owned(secret_free) = NULL;
    char text[2 * 42 + 1];

    assert_false(failed(hkdf_sha256(key, SPAN(""), 42, &okm)));
    assert_string_equal(hex_str(secret_expose(okm), text), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void hkdf_labels_and_lengths(void **state)
{
    (void)state;
    struct secret *key owned(secret_free) = secret_new(32), *a owned(secret_free) = NULL, *b owned(secret_free) = NULL;
    struct secret *longest owned(secret_free) = NULL, *none = NULL;

    assert_false(failed(hkdf_sha256(key, SPAN("warder a v1"), 32, &a)));
    assert_false(failed(hkdf_sha256(key, SPAN("warder b v1"), 32, &b)));
    assert_false(secret_equal(a, b));
    assert_false(failed(hkdf_sha256(key, SPAN("x"), 255 * 32, &longest)));
    assert_int_equal(hkdf_sha256(key, SPAN("x"), 255 * 32 + 1, &none).kind, FAIL_LIMIT);
    assert_int_equal(hkdf_sha256(key, SPAN("x"), 0, &none).kind, FAIL_LIMIT);
    assert_null(none);
}

static void *hash_many(void *arg)
{
    uint8_t out[SHA256_SIZE];

    for (int i = 0; i < 500; i++) {
        if (failed(sha256(SPAN("abc"), out)) || out[0] != 0xba)
            return arg;
    }
    return NULL;
}

/* The shared digest objects are used from many threads at once. */
static void threads(void **state)
{
    (void)state;
    pthread_t ids[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, hash_many, ids), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = ids;
        assert_int_equal(pthread_join(ids[i], &result), 0);
        assert_null(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(hmac_vectors),
        cmocka_unit_test(hkdf_vector),
        cmocka_unit_test(hkdf_labels_and_lengths),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
