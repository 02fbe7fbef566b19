// SPDX-License-Identifier: Apache-2.0
/*
 * Where private keys leave traces: all writable memory of the process but the secure arena is searched for the
 * text of the key's file, for its DER, and, once the key is freed, for its numbers as OpenSSL keeps them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "key_samples.h"

/* The address sanitizer's own mappings cannot be searched. */
#ifdef __SANITIZE_ADDRESS__
#define SEARCHABLE false
#else
#define SEARCHABLE true
#endif

/* Occurrences in writable mappings other than the one that holds `skip`. */
static size_t count_in_memory(struct span wanted, const void *skip)
{
    FILE *maps owned(fclose) = fopen("/proc/self/maps", "re");
    char line[512], mode[8];
    unsigned long from, to;
    size_t count = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        assert_int_equal(sscanf(line, "%lx-%lx %7s", &from, &to, mode), 3);
        if (strncmp(mode, "rw", 2) != 0 || ((uintptr_t)skip >= from && (uintptr_t)skip < to))
            continue;
        const uint8_t *at = (const uint8_t *)from, *end = (const uint8_t *)to;
        while ((at = memmem(at, (size_t)(end - at), wanted.at, wanted.len)) != NULL) {
            at++;
            count++;
        }
    }
    return count;
}

static void search_finds_what_is_there(void **state)
{
    (void)state;
    struct secret *s owned(secret_free) = secret_copy(SPAN("a needle in writable memory"));
    char *copy owned(free) = span_dup(secret_expose(s));

    assert_true(count_in_memory(secret_expose(s), s) > 0);
    memset(copy, 0, strlen(copy));
    assert_int_equal(count_in_memory(secret_expose(s), s), 0);
}

/* Bytes 8 to 24 of the private number, in both byte orders, held in the arena. */
struct patterns {
    struct secret *text, *forward, *backward;
};

static void patterns_donep(struct patterns *p)
{
    secret_free(p->text);
    secret_free(p->forward);
    secret_free(p->backward);
}

static void cut_patterns(const char *pem, const struct key *k, size_t offset, struct patterns *out)
{
    struct secret *der owned(secret_free) = NULL;

    assert_false(failed(key_to_pkcs8(k, &der)));
    struct span number = span_head(span_tail(secret_expose(der), offset), 16);
    out->text = secret_copy(span_head(span_tail(span_str(pem), 100), 24));
    out->forward = secret_copy(number);
    out->backward = secret_new(16);
    for (size_t i = 0; i < 16; i++)
        secret_fill(out->backward)[i] = number.at[15 - i];
}

/* `offset`: where in the PKCS#8 form 16 bytes of a private number lie. */
static void check_traces(const char *pem, size_t offset, enum signature_scheme scheme)
{
    char path[] = "/tmp/warder-memory-XXXXXX";
    struct patterns p owned(patterns_done) = { 0 };
    struct key *k = NULL;
    struct buf signature owned(buf_done) = buf_of(SIGNATURE_MAX);
    int fd owned(fd_close) = mkstemp(path);

    assert_int_equal(write(fd, pem, strlen(pem)), (ssize_t)strlen(pem));
    assert_false(failed(key_load(path, &k)));
    cut_patterns(pem, k, offset, &p);
    assert_int_equal(count_in_memory(secret_expose(p.text), p.text), 0);
    assert_int_equal(count_in_memory(secret_expose(p.forward), p.text), 0);
    assert_false(failed(signature_make(k, scheme, DIGEST_SHA256, SPAN("m"), &signature)));
    key_free(k);
    assert_int_equal(count_in_memory(secret_expose(p.forward), p.text), 0);
    assert_int_equal(count_in_memory(secret_expose(p.backward), p.text), 0);
    assert_int_equal(unlink(path), 0);
}

static void ec_key(void **state)
{
    (void)state;
    check_traces(sample_key_p256_pkcs8, 44, SIGNATURE_ECDSA);
    check_traces(sample_key_p256_sec1, 44, SIGNATURE_ECDSA);
}

/* From the end of the structure: in the middle of the last prime's parts. */
static void rsa_key(void **state)
{
    (void)state;
    check_traces(sample_key_rsa_pkcs8, 620, SIGNATURE_RSA_PSS);
    check_traces(sample_key_rsa_pkcs1, 900, SIGNATURE_RSA_PSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_finds_what_is_there),
        cmocka_unit_test(ec_key),
        cmocka_unit_test(rsa_key),
    };
    if (!SEARCHABLE)
        return 77; /* meson: skipped */
    if (failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
