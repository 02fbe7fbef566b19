// SPDX-License-Identifier: Apache-2.0
/* Shamir's sharing against published values and its own properties, and the text of a share. */
#include "keys/share.h"

#include "base/hex.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "keys/seal_record.h"
#include "unit.h"

struct set {
    struct secret *at[SHARES_MAX];
};
static void set_donep(struct set *s)
{
    for (size_t i = 0; i < SHARES_MAX; i++)
        secret_free(s->at[i]);
}

static struct secret *of_hex(const char *text)
{
    struct secret *s = secret_new(strlen(text) / 2);
    assert_ok(hex_parse_exact(span_str(text), secret_fill(s), strlen(text) / 2));
    return s;
}

/* draft-mcgrew-tss-03, section 9: two of two shares of "test" and a zero. */
static void published_shares_combine(void **state)
{
    struct set s owned(set_done) = { { of_hex("b9fa07e185"), of_hex("f5409b4511") } };
    struct secret *out owned(secret_free) = NULL, *wanted owned(secret_free) = of_hex("7465737400");
    const uint8_t places[] = { 1, 2 };
    (void)state;
    assert_ok(share_combine(s.at, places, 2, &out));
    assert_true(secret_equal(out, wanted));
}


static void any_threshold_of_them_and_no_fewer(void **state)
{
    static const struct {
        unsigned threshold, count;
    } rows[] = { { 2, 2 }, { 2, 3 }, { 3, 5 }, { 5, 5 }, { 2, 16 }, { 16, 16 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct secret *secret owned(secret_free) = NULL;
        struct set s owned(set_done) = { 0 };
        assert_ok(random_secret(32, &secret));
        assert_ok(share_split(secret, rows[i].threshold, rows[i].count, s.at));
        for (unsigned first = 0; first + rows[i].threshold <= rows[i].count; first++) {
            struct secret *out owned(secret_free) = NULL, *less owned(secret_free) = NULL;
            uint8_t places[SHARES_MAX];
            for (unsigned k = 0; k < rows[i].threshold; k++)
                places[k] = (uint8_t)(first + k + 1);
            assert_ok(share_combine(s.at + first, places, rows[i].threshold, &out));
            assert_true(secret_equal(out, secret));
            if (rows[i].threshold > 2) {
                assert_ok(share_combine(s.at + first, places, rows[i].threshold - 1, &less));
                assert_false(secret_equal(less, secret));
            }
        }
    }
}

static void in_any_order(void **state)
{
    struct secret *secret owned(secret_free) = NULL, *out owned(secret_free) = NULL;
    struct set s owned(set_done) = { 0 };
    (void)state;
    assert_ok(random_secret(32, &secret));
    assert_ok(share_split(secret, 3, 5, s.at));
    struct secret *chosen[] = { s.at[4], s.at[0], s.at[2] };
    const uint8_t places[] = { 5, 1, 3 };
    assert_ok(share_combine(chosen, places, 3, &out));
    assert_true(secret_equal(out, secret));
}

/* One share takes every value whatever the secret is: here, of 4,000 splittings of one byte. */
static void one_share_says_nothing(void **state)
{
    struct secret *zero owned(secret_free) = secret_new(1);
    bool seen[256] = { 0 };
    unsigned different = 0;
    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        struct set s owned(set_done) = { 0 };
        assert_ok(share_split(zero, 2, 2, s.at));
        uint8_t value = secret_expose(s.at[0]).at[0];
        different += !seen[value];
        seen[value] = true;
    }
    assert_true(different > 250);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct secret *secret owned(secret_free) = NULL, *out = NULL;
    struct set s owned(set_done) = { 0 };
    static const uint8_t twice[] = { 1, 1 }, zero[] = { 0, 1 };
    (void)state;
    assert_ok(random_secret(32, &secret));
    assert_fails(share_split(secret, 1, 5, s.at), FAIL_INPUT);
    assert_fails(share_split(secret, 4, 3, s.at), FAIL_INPUT);
    assert_fails(share_split(secret, 3, SHARES_MAX + 1, s.at), FAIL_INPUT);
    assert_ok(share_split(secret, 2, 2, s.at));
    assert_fails(share_combine(s.at, twice, 2, &out), FAIL_INPUT);
    assert_fails(share_combine(s.at, zero, 2, &out), FAIL_INPUT);
    assert_fails(share_combine(s.at, twice, 1, &out), FAIL_INPUT);
}

static const struct seal_record record = { .kind = SEAL_SHAMIR, .generation = 7, .id = { 1, 2, 3 }, .shares = 5, .threshold = 3 };

static void a_text_comes_back_whole_or_not_at_all(void **state)
{
    struct secret *value owned(secret_free) = NULL, *back owned(secret_free) = NULL, *none = NULL;
    struct buf text owned(buf_done) = buf_of(1024);
    uint8_t place = 0;
    (void)state;
    assert_ok(random_secret(32, &value));
    assert_ok(share_text_write(&record, 4, value, &text));
    assert_ok(share_text_read(&record, buf_span(&text), &place, &back));
    assert_true(place == 4 && secret_equal(value, back));
    for (size_t i = 0; i < text.len; i++)
        assert_fails(share_text_read(&record, span_head(buf_span(&text), i), &place, &none), FAIL_INPUT);
    for (size_t i = 0; i < text.len; i++) { /* one character changed */
        uint8_t was = text.at[i];
        text.at[i] = was == '0' ? '1' : '0';
        assert_fails(share_text_read(&record, buf_span(&text), &place, &none), FAIL_INPUT);
        text.at[i] = was;
    }
    buf_add_str(&text, "00");
    assert_fails(share_text_read(&record, buf_span(&text), &place, &none), FAIL_INPUT);
}

static void a_share_of_something_else_is_told(void **state)
{
    struct secret *value owned(secret_free) = NULL, *none = NULL;
    struct seal_record others[] = { record, record, record };
    static const char *const words[] = { "another store", "another generation", "another generation" };
    uint8_t place;
    (void)state;
    others[0].id[0] ^= 1;
    others[1].generation++;
    others[2].threshold--;
    assert_ok(random_secret(32, &value));
    for (size_t i = 0; i < 3; i++) {
        struct buf text owned(buf_done) = buf_of(1024);
        assert_ok(share_text_write(&others[i], 1, value, &text));
        struct err e = share_text_read(&record, buf_span(&text), &place, &none);
        assert_true(failed(e) && strstr(e.what, words[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_shares_combine),
        cmocka_unit_test(any_threshold_of_them_and_no_fewer),
        cmocka_unit_test(in_any_order),
        cmocka_unit_test(one_share_says_nothing),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_text_comes_back_whole_or_not_at_all),
        cmocka_unit_test(a_share_of_something_else_is_told),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
