// SPDX-License-Identifier: Apache-2.0
#include "broker/challenge.h"

#include <search.h>

#include "base/base64.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "unit.h"

#define NOW 1795435200
#define MANY 10000

static struct secret *root;

static struct challenge sample(void)
{
    struct challenge c = { .expires_at = NOW };
    strcpy(c.tenant, "default");
    strcpy(c.key_id, "3fa85f64-5717-4562-b3fc-2c963f66afa6");
    strcpy(c.subject, "skcuser");
    return c;
}

static void opens_as_it_was_made(void **state)
{
    struct challenge c = sample(), got;
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    (void)state;
    assert_ok(challenge_make(root, SPAN("kbs"), &c, &text));
    assert_ok(challenge_open(root, SPAN("kbs"), buf_span(&text), &got));
    assert_string_equal(got.tenant, c.tenant);
    assert_string_equal(got.key_id, c.key_id);
    assert_string_equal(got.subject, c.subject);
    assert_int_equal(got.expires_at, NOW);
    assert_memory_equal(got.id, c.id, sizeof got.id);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, CHALLENGE_ID_SIZE);
}

static void ten_thousand_differ(void **state) /* L2 */
{
    uint8_t(*ids)[CHALLENGE_ID_SIZE] = calloc(MANY, CHALLENGE_ID_SIZE);
    size_t length = 0;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        struct challenge c = sample();
        struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
        assert_ok(challenge_make(root, SPAN("kbs"), &c, &text));
        memcpy(ids[i], c.id, CHALLENGE_ID_SIZE);
        assert_true(!length || text.len == length);
        length = text.len;
    }
    qsort(ids, MANY, CHALLENGE_ID_SIZE, compare);
    for (size_t i = 1; i < MANY; i++)
        assert_int_not_equal(memcmp(ids[i - 1], ids[i], CHALLENGE_ID_SIZE), 0);
    free(ids);
}

static void of_another_broker(void **state)
{
    struct challenge c = sample(), got;
    struct secret *other owned(secret_free) = NULL;
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    (void)state;
    assert_ok(random_secret(32, &other));
    assert_ok(challenge_make(root, SPAN("kbs"), &c, &text));
    assert_fails(challenge_open(other, SPAN("kbs"), buf_span(&text), &got), FAIL_DENIED);
    assert_fails(challenge_open(root, SPAN("kbs2"), buf_span(&text), &got), FAIL_DENIED);
}

static void changed_anywhere(void **state)
{
    struct challenge c = sample(), got;
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX), raw owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    (void)state;
    assert_ok(challenge_make(root, SPAN("kbs"), &c, &text));
    assert_ok(base64url_parse(buf_span(&text), &raw));
    for (size_t i = 0; i < raw.len; i++) {
        struct buf changed owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
        raw.at[i] ^= 1;
        base64url_add(&changed, buf_span(&raw));
        raw.at[i] ^= 1;
        assert_fails(challenge_open(root, SPAN("kbs"), buf_span(&changed), &got), FAIL_DENIED);
    }
    for (size_t len = 0; len < text.len; len++)
        assert_fails(challenge_open(root, SPAN("kbs"), span_head(buf_span(&text), len), &got), FAIL_DENIED);
    buf_add_str(&text, "A");
    assert_fails(challenge_open(root, SPAN("kbs"), buf_span(&text), &got), FAIL_DENIED);
}

static void fields_have_limits(void **state)
{
    struct challenge c = sample(), got;
    struct buf text owned(buf_done) = buf_of(CHALLENGE_TEXT_MAX);
    (void)state;
    memset(c.tenant, 'a', CHALLENGE_FIELD_MAX);
    memset(c.key_id, 'b', CHALLENGE_FIELD_MAX);
    memset(c.subject, 'c', CHALLENGE_FIELD_MAX);
    assert_ok(challenge_make(root, SPAN("kbs"), &c, &text));
    assert_ok(challenge_open(root, SPAN("kbs"), buf_span(&text), &got));
    assert_memory_equal(got.subject, c.subject, CHALLENGE_FIELD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_as_it_was_made), cmocka_unit_test(ten_thousand_differ), cmocka_unit_test(of_another_broker),
        cmocka_unit_test(changed_anywhere),     cmocka_unit_test(fields_have_limits),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(random_secret(32, &root)))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    secret_free(root);
    return rc;
}
