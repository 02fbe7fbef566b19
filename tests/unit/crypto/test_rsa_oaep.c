// SPDX-License-Identifier: Apache-2.0
#include "crypto/rsa_oaep.h"

#include "unit.h"

#define PLAIN_MAX (256 - 66)

static void opens_with_its_key_only(void **state)
{
    struct key *k owned(key_free) = NULL, *other owned(key_free) = NULL;
    struct secret *plain owned(secret_free) = secret_copy(SPAN("a key of 32 bytes, to be wrapped")), *back owned(secret_free) = NULL;
    struct buf sealed owned(buf_done) = buf_of(1024);

    (void)state;
    assert_ok(key_make_rsa(2048, &k));
    assert_ok(key_make_rsa(2048, &other));
    assert_ok(rsa_oaep_seal(k, plain, &sealed));
    assert_int_equal(sealed.len, 256);
    assert_ok(rsa_oaep_open(k, buf_span(&sealed), &back));
    assert_true(secret_equal(back, plain));
    secret_free(back);
    back = NULL;
    assert_fails(rsa_oaep_open(other, buf_span(&sealed), &back), FAIL_DENIED);
    assert_fails(rsa_oaep_open(k, span_head(buf_span(&sealed), 255), &back), FAIL_DENIED);
    sealed.at[100] ^= 1;
    assert_fails(rsa_oaep_open(k, buf_span(&sealed), &back), FAIL_DENIED);
    assert_fails(rsa_oaep_open(k, (struct span){ 0 }, &back), FAIL_DENIED);
    assert_null(back);
}

static void has_a_longest(void **state)
{
    struct key *k owned(key_free) = NULL;
    struct secret *longest owned(secret_free) = secret_new(PLAIN_MAX), *longer owned(secret_free) = secret_new(PLAIN_MAX + 1);
    struct buf sealed owned(buf_done) = buf_of(1024);

    (void)state;
    assert_ok(key_make_rsa(2048, &k));
    assert_fails(rsa_oaep_seal(k, longer, &sealed), FAIL_LIMIT);
    assert_int_equal(sealed.len, 0);
    assert_ok(rsa_oaep_seal(k, longest, &sealed));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(opens_with_its_key_only), cmocka_unit_test(has_a_longest) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
