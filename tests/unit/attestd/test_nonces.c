// SPDX-License-Identifier: Apache-2.0
#include "attestd/nonces.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "crypto/crypto.h"

#define NOW 1795435200
#define SECONDS 300

static const struct nonce_bounds ours = { SPAN("default"), SPAN("someone") };

static struct nonces *make(void)
{
    struct nonces *n = NULL;
    assert_false(failed(crypto_start(CRYPTO_MEMORY_PLAIN)));
    assert_false(failed(nonces_open("sqlite::memory:", SECONDS, &n)));
    return n;
}

static enum nonce_verdict check(struct nonces *n, struct span text, const struct nonce_bounds *b,
                                int64_t now)
{
    enum nonce_verdict v = NONCE_GOOD;
    assert_false(failed(nonces_check(n, text, b, now, &v)));
    return v;
}

static enum nonce_verdict spend(struct nonces *n, struct span text, int64_t now)
{
    enum nonce_verdict v = NONCE_INVALID;
    assert_false(failed(nonces_spend(n, text, now, &v)));
    return v;
}

static void test_life(void **state)
{
    owned(nonces_close) struct nonces *n = make();
    char text[NONCE_TEXT_SIZE], other[NONCE_TEXT_SIZE];
    int64_t expires;
    assert_false(failed(nonces_make(n, &ours, NOW, text, &expires)));
    assert_false(failed(nonces_make(n, &ours, NOW, other, &expires)));
    assert_int_equal(expires, NOW + SECONDS);
    assert_string_not_equal(text, other);
    assert_int_equal(check(n, span_str(text), &ours, NOW), NONCE_GOOD);
    assert_int_equal(check(n, span_str(text), &ours, expires - 1), NONCE_GOOD);
    assert_int_equal(check(n, span_str(text), &ours, expires), NONCE_EXPIRED);
    assert_int_equal(spend(n, span_str(text), NOW), NONCE_GOOD);
    assert_int_equal(spend(n, span_str(text), NOW), NONCE_SPENT);
    assert_int_equal(check(n, span_str(text), &ours, NOW), NONCE_SPENT);
    assert_int_equal(check(n, span_str(other), &ours, NOW), NONCE_GOOD);
    /* What is forgotten has expired by itself. */
    assert_int_equal(spend(n, span_str(other), NOW + SECONDS), NONCE_EXPIRED);
    assert_int_equal(check(n, span_str(text), &ours, NOW + SECONDS), NONCE_EXPIRED);
    (void)state;
}

static void test_of_somebody_else(void **state)
{
    owned(nonces_close) struct nonces *n = make(), *elsewhere = make();
    const struct nonce_bounds tenant = { SPAN("other"), SPAN("someone") },
                              audience = { SPAN("default"), SPAN("else") },
                              moved = { SPAN("defaul"), SPAN("tsomeone") };
    char text[NONCE_TEXT_SIZE];
    int64_t expires;
    assert_false(failed(nonces_make(n, &ours, NOW, text, &expires)));
    assert_int_equal(check(n, span_str(text), &tenant, NOW), NONCE_INVALID);
    assert_int_equal(check(n, span_str(text), &audience, NOW), NONCE_INVALID);
    assert_int_equal(check(n, span_str(text), &moved, NOW), NONCE_INVALID);
    assert_int_equal(check(elsewhere, span_str(text), &ours, NOW), NONCE_INVALID);
    (void)state;
}

static void test_every_change_and_prefix(void **state)
{
    owned(nonces_close) struct nonces *n = make();
    char text[NONCE_TEXT_SIZE + 1];
    int64_t expires;
    assert_false(failed(nonces_make(n, &ours, NOW, text, &expires)));
    for (size_t i = 0; i < NONCE_TEXT_SIZE - 1; i++) {
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(check(n, span_str(text), &ours, NOW), NONCE_INVALID);
        text[i] = kept;
        assert_int_equal(check(n, span_from(text, i), &ours, NOW), NONCE_INVALID);
    }
    text[NONCE_TEXT_SIZE - 1] = 'A';
    assert_int_equal(check(n, span_from(text, NONCE_TEXT_SIZE), &ours, NOW), NONCE_INVALID);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_of_somebody_else),
        cmocka_unit_test(test_every_change_and_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
