// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "crypto/pem_internal.h"
#include "crypto/x509.h"
#include "csr_samples.h"

static void round_trip(void **state)
{
    (void)state;
    static const enum key_kind kinds[] = { KEY_RSA, KEY_P256, KEY_P384 };
    const char *const san[] = { "a.example", "*.b.example", "192.0.2.7", "2001:db8::1", NULL };

    for (size_t i = 0; i < 3; i++) {
        struct key *k owned(key_free) = NULL;
        struct buf pem owned(buf_done) = buf_of(8192), bare owned(buf_done) = buf_of(8192);
        struct csr r owned(csr_done) = { 0 }, b owned(csr_done) = { 0 };

        assert_false(failed(kinds[i] == KEY_RSA ? key_make_rsa(2048, &k) : key_make_ec(kinds[i], &k)));
        assert_false(failed(csr_make(k, "kbs", san, &pem)));
        assert_false(failed(csr_parse(buf_span(&pem), &r)));
        assert_true(key_same_public(r.key, k));
        assert_false(key_is_private(r.key));
        assert_string_equal(r.common_name, "kbs");
        for (size_t n = 0; n < 5; n++)
            assert_true(n == 4 ? r.san[n] == NULL : strcmp(r.san[n], san[n]) == 0);
        assert_false(r.has_other_names);
        assert_false(failed(csr_make(k, "bare", NULL, &bare)));
        assert_false(failed(csr_parse(buf_span(&bare), &b)));
        assert_null(b.san[0]);
    }
}

static void requests_of_openssl(void **state)
{
    (void)state;
    struct csr mail owned(csr_done) = { 0 }, plain owned(csr_done) = { 0 }, challenge owned(csr_done) = { 0 };

    assert_false(failed(csr_parse(span_str(sample_csr_mail), &mail)));
    assert_string_equal(mail.san[0], "a.example");
    assert_string_equal(mail.san[1], "10.0.0.1");
    assert_null(mail.san[2]);
    assert_true(mail.has_other_names);
    assert_false(failed(csr_parse(span_str(sample_csr_plain), &plain)));
    assert_string_equal(plain.common_name, "plain");
    assert_false(plain.has_other_names);
    assert_false(failed(csr_parse(span_str(sample_csr_challenge), &challenge)));
    assert_string_equal(challenge.common_name, "chal");
}

/* Possession is proved over every byte: a changed request does not parse. */
static void cut_and_changed_requests(void **state)
{
    (void)state;
    struct span pem = span_str(sample_csr_plain);
    struct pem_block block;
    struct buf der owned(buf_done) = buf_of(4096);
    struct csr whole owned(csr_done) = { 0 }, none = { 0 };

    assert_false(failed(pem_next(&pem, &block)));
    assert_false(failed(pem_decode(&block, &der)));
    assert_false(failed(csr_parse(buf_span(&der), &whole)));
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(csr_parse(span_head(buf_span(&der), len), &none).kind, FAIL_INPUT);
    for (size_t i = 0; i < der.len; i++) {
        der.at[i] ^= 1;
        assert_true(failed(csr_parse(buf_span(&der), &none)));
        der.at[i] ^= 1;
    }
    buf_add_u8(&der, 0);
    assert_int_equal(csr_parse(buf_span(&der), &none).kind, FAIL_INPUT);
    struct buf two owned(buf_done) = buf_of(8192);
    buf_addf(&two, "%s%s", sample_csr_plain, sample_csr_plain);
    assert_int_equal(csr_parse(buf_span(&two), &none).kind, FAIL_INPUT);
    assert_null(none.key);
}

static void refused_names(void **state)
{
    (void)state;
    struct key *k owned(key_free) = NULL;
    const char *const space[] = { "a b", NULL };
    const char *many[40] = { 0 };
    struct buf pem owned(buf_done) = buf_of(8192);

    for (size_t i = 0; i < 39; i++)
        many[i] = "x.example";
    assert_false(failed(key_make_ec(KEY_P256, &k)));
    assert_int_equal(csr_make(k, "x", space, &pem).kind, FAIL_INPUT);
    assert_int_equal(csr_make(k, "x", many, &pem).kind, FAIL_LIMIT);
    assert_int_equal(csr_make(k, "", NULL, &pem).kind, FAIL_INPUT);
    assert_int_equal(pem.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(requests_of_openssl),
        cmocka_unit_test(cut_and_changed_requests),
        cmocka_unit_test(refused_names),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
