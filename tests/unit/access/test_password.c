// SPDX-License-Identifier: Apache-2.0
#include "access/password.h"

#include "crypto/crypto.h"
#include "unit.h"

static const struct password_cost cheap = { 19456, 2 };

static struct secret *secret_str(const char *s)
{
    struct secret *out = secret_copy(span_str(s));
    assert_non_null(out);
    return out;
}

static void hashes_and_checks(void **state)
{
    owned(secret_free) struct secret *right = secret_str("correct horse");
    owned(secret_free) struct secret *wrong = secret_str("correct horsf");
    owned(secret_free) struct secret *longer = secret_str("correct horse ");
    char a[PASSWORD_HASH_SIZE], b[PASSWORD_HASH_SIZE];
    bool good = false;

    (void)state;
    assert_ok(password_hash(right, cheap, a));
    assert_ok(password_hash(right, cheap, b));
    assert_string_not_equal(a, b); /* salted */
    assert_int_equal(strncmp(a, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_null(strstr(a, "correct"));
    assert_ok(password_check(right, a, &good));
    assert_true(good);
    assert_ok(password_check(wrong, a, &good));
    assert_false(good);
    assert_ok(password_check(longer, a, &good));
    assert_false(good);
}

static void cost_has_limits(void **state)
{
    owned(secret_free) struct secret *p = secret_str("correct horse");
    static const struct password_cost bad[] = {
        { 19455, 2 }, { 19456, 1 }, { 0, 0 }, { (1U << 20) + 1, 2 }, { 19456, 17 }
    };
    char hash[PASSWORD_HASH_SIZE] = "untouched";

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(password_hash(p, bad[i], hash), FAIL_LIMIT);
    assert_string_equal(hash, "untouched");
    assert_ok(password_cost_check(PASSWORD_COST_DEFAULT));
}

/* A store that somebody wrote into must not make us allocate what it says. */
static void stored_texts_are_checked(void **state)
{
    owned(secret_free) struct secret *p = secret_str("correct horse");
    static const char *const bad[] = {
        "",
        "x",
        "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAA",
        "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=19456,t=900,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=19456,t=2,p=8$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=19456,t=2,p=1$"
    };
    bool good = true;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_fails(password_check(p, bad[i], &good), FAIL_SYSTEM);
    }
}

static void knows_an_outdated_cost(void **state)
{
    owned(secret_free) struct secret *p = secret_str("correct horse");
    char hash[PASSWORD_HASH_SIZE];

    (void)state;
    assert_ok(password_hash(p, cheap, hash));
    assert_false(password_outdated(hash, cheap));
    assert_true(password_outdated(hash, (struct password_cost){ 19456, 3 }));
    assert_true(password_outdated(hash, (struct password_cost){ 19457, 2 }));
    assert_true(password_outdated("not a hash", cheap));
}

static void passwords_and_their_files(void **state)
{
    static const struct {
        const char *content;
        uint32_t wanted;
    } rows[] = {
        { "12345678", FAIL_NONE },
        { "12345678\n", FAIL_NONE },
        { "12345678\r\n", FAIL_NONE },
        { "1234567\n", FAIL_INPUT },
        { "", FAIL_INPUT },
        { "\n12345678", FAIL_INPUT },
        { "12345678\nx", FAIL_INPUT },
        { "1234\t5678", FAIL_INPUT },
        { "p\xc3\xa4ssword", FAIL_NONE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(secret_free) struct secret *content =
            secret_copy(span_from(rows[i].content, strlen(rows[i].content)));
        owned(secret_free) struct secret *password = NULL;
        struct err e = password_of_file(content, &password);
        if (e.kind != rows[i].wanted)
            fail_msg("row %zu: %u", i, e.kind);
        if (!failed(e))
            assert_null(memchr(secret_expose(password).at, '\n', secret_len(password)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_and_checks),         cmocka_unit_test(cost_has_limits),
        cmocka_unit_test(stored_texts_are_checked),  cmocka_unit_test(knows_an_outdated_cost),
        cmocka_unit_test(passwords_and_their_files),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
