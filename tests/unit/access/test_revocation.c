// SPDX-License-Identifier: Apache-2.0
/* Tokens that end before their time: in the store, and in the list that others read. */
#include <stdio.h>
#include <unistd.h>

#include "access/pinned_keys.h"
#include "access/revocation.h"
#include "access/schema.h"
#include "base/clock.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "token/jwt.h"
#include "unit.h"

#define NOW 1795435200
#define HOUR 3600
#define FILE_NAME "test_revocation.jwks"

struct fixture {
    struct store *store;
    struct key *key;
    struct jwks *keys;
};

static int setup(void **state)
{
    static struct fixture f;
    struct buf text owned(buf_done) = buf_of(PINNED_KEYS_FILE_MAX);

    f = (struct fixture){ 0 };
    assert_ok(store_open("sqlite::memory:", &f.store));
    assert_ok(access_schema_apply(f.store));
    assert_ok(key_make_ec(KEY_P256, &f.key));
    const struct key *const all[] = { f.key };
    assert_ok(jwks_text(all, 1, &text));
    assert_ok(jwks_parse(buf_span(&text), &f.keys));
    assert_ok(file_write(FILE_NAME, buf_span(&text), 0600));
    unlink(FILE_NAME PINNED_KEYS_REVOKED);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    unlink(FILE_NAME);
    unlink(FILE_NAME PINNED_KEYS_REVOKED);
    store_close(f->store);
    key_free(f->key);
    jwks_free(f->keys);
    return 0;
}

static struct bearer token_of(const char *tenant, const char *subject, const char *id, int64_t at)
{
    return (struct bearer){ .subject = (char *)(uintptr_t)subject,
                            .tenant = (char *)(uintptr_t)tenant,
                            .id = (char *)(uintptr_t)id,
                            .issued_at = at };
}

static void sign_list(struct fixture *f, const struct key *k, const char *typ, int64_t now,
                      int64_t lifetime, struct buf *out)
{
    owned(json_free) json_t *claims = NULL;

    assert_ok(revocation_claims(f->store, now, &claims));
    assert_ok(jwt_stamp(claims, BEARER_ISSUER, BEARER_AUDIENCE, now, lifetime));
    assert_ok(jwt_sign(k, typ, claims, out));
}

/* Both ways of asking say the same. */
static bool ended(struct fixture *f, const struct bearer *b)
{
    struct buf text owned(buf_done) = buf_of(JWT_TEXT_MAX);
    owned(revocation_list_free) struct revocation_list *list = NULL;
    bool in_store = false, in_list = false;

    assert_ok(revocation_check(f->store, b, &in_store));
    sign_list(f, f->key, REVOCATIONS_TYP, NOW, HOUR, &text);
    assert_ok(revocation_list_read(buf_span(&text), f->keys, NOW, &list));
    assert_ok(revocation_list_check(list, b, &in_list));
    assert_int_equal(in_store, in_list);
    return in_store;
}

static void one_token(void **state)
{
    struct fixture *f = *state;
    const struct bearer it = token_of("default", "ann", "t1", NOW);
    const struct bearer others[] = { token_of("default", "ann", "t2", NOW),
                                     token_of("rival", "ann", "t1", NOW),
                                     token_of("default", "t1", "ann", NOW) };

    assert_false(ended(f, &it));
    assert_ok(revoke_token(f->store, "default", SPAN("t1"), NOW));
    assert_true(ended(f, &it));
    for (size_t i = 0; i < 3; i++)
        assert_false(ended(f, &others[i]));
}

static void all_of_a_user_and_of_a_tenant(void **state)
{
    struct fixture *f = *state;
    const struct bearer old = token_of("default", "ann", "a", NOW - 5),
                        same = token_of("default", "ann", "b", NOW),
                        new = token_of("default", "ann", "c", NOW + 1),
                        bob = token_of("default", "bob", "d", NOW - 5),
                        rival = token_of("rival", "ann", "e", NOW - 5);
    int64_t from;

    assert_ok(revoke_subject(f->store, "default", "ann", NOW));
    assert_true(ended(f, &old) && ended(f, &same));
    assert_false(ended(f, &new) || ended(f, &bob) || ended(f, &rival));
    assert_ok(revocation_floor(f->store, "default", "ann", &from));
    assert_int_equal(from, NOW + 1);
    assert_ok(revocation_floor(f->store, "default", "bob", &from));
    assert_int_equal(from, 0);
    assert_ok(revoke_subject(f->store, "default", "", NOW));
    assert_true(ended(f, &bob));
    assert_false(ended(f, &rival));
}

/* Too many of them end everything; no revocation is lost. Those of single tokens are refused. */
static void bounded(void **state)
{
    struct fixture *f = *state;
    const struct bearer someone = token_of("rival", "someone", "x", NOW - 1);
    char name[32];
    int i;

    for (i = 0; i < REVOCATIONS_MAX; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        assert_ok(revoke_subject(f->store, "default", name, NOW));
        assert_ok(revoke_token(f->store, "default", span_str(name), NOW));
    }
    assert_false(ended(f, &someone)); /* a full list is still read */
    assert_fails(revoke_token(f->store, "default", SPAN("another"), NOW), FAIL_LIMIT);
    assert_ok(revoke_subject(f->store, "default", "another", NOW));
    assert_true(ended(f, &someone));
    assert_ok(revoke_token(f->store, "default", SPAN("another"), NOW));
}

static void forgotten_once_no_token_can_be_as_old(void **state)
{
    struct fixture *f = *state;
    const struct bearer b = token_of("default", "ann", "t1", NOW);
    owned(json_free) json_t *claims = NULL;
    bool is = true;

    assert_ok(revoke_token(f->store, "default", SPAN("t1"), NOW));
    assert_ok(revocation_claims(f->store, NOW + REVOCATION_SECONDS_MAX, &claims));
    assert_ok(revocation_check(f->store, &b, &is));
    assert_true(is);
    json_free(claims);
    claims = NULL;
    assert_ok(revocation_claims(f->store, NOW + REVOCATION_SECONDS_MAX + 2 * JWT_LEEWAY, &claims));
    assert_ok(revocation_check(f->store, &b, &is));
    assert_false(is);
}

/* L35 and what else could be shown as a list. */
static void only_a_list_by_our_key_is_one(void **state)
{
    struct fixture *f = *state;
    struct buf good owned(buf_done) = buf_of(JWT_TEXT_MAX),
                    stranger owned(buf_done) = buf_of(JWT_TEXT_MAX),
                    token owned(buf_done) = buf_of(JWT_TEXT_MAX);
    owned(key_free) struct key *other = NULL;
    owned(revocation_list_free) struct revocation_list *list = NULL;

    assert_ok(key_make_ec(KEY_P256, &other));
    sign_list(f, f->key, REVOCATIONS_TYP, NOW, HOUR, &good);
    sign_list(f, other, REVOCATIONS_TYP, NOW, HOUR, &stranger);
    sign_list(f, f->key, "JWT", NOW, HOUR, &token);
    assert_fails(revocation_list_read(buf_span(&stranger), f->keys, NOW, &list), FAIL_DENIED);
    assert_fails(revocation_list_read(buf_span(&token), f->keys, NOW, &list), FAIL_DENIED);
    for (size_t len = 0; len < good.len; len++)
        assert_true(
            failed(revocation_list_read(span_head(buf_span(&good), len), f->keys, NOW, &list)));
    buf_add_u8(&good, 'A');
    assert_true(failed(revocation_list_read(buf_span(&good), f->keys, NOW, &list)));
}

static enum bearer_verdict verdict(struct pinned_keys *k, const struct fixture *f, int64_t now)
{
    owned(json_free) json_t *claims =
        json_pack("{s:s,s:s,s:[],s:[]}", "sub", "ann", "tenant", "default", "roles", "permissions");
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict v = BEARER_GOOD;

    assert_ok(jwt_stamp(claims, BEARER_ISSUER, BEARER_AUDIENCE, now, HOUR));
    assert_ok(jwt_sign(f->key, "JWT", claims, &text));
    assert_ok(pinned_keys_verify(k, buf_span(&text), now, &v, &b));
    assert_int_equal(v == BEARER_GOOD, b.claims != NULL);
    return v;
}

static void put_list(struct fixture *f, int64_t made, int64_t lifetime)
{
    struct buf text owned(buf_done) = buf_of(JWT_TEXT_MAX);

    sign_list(f, f->key, REVOCATIONS_TYP, made, lifetime, &text);
    assert_ok(file_write(FILE_NAME PINNED_KEYS_REVOKED, buf_span(&text), 0600));
}

/* As every program meets it: the file beside its pinned keys. L33: what it cannot know refuses. */
static void beside_the_pinned_keys(void **state)
{
    struct fixture *f = *state;
    owned(pinned_keys_close) struct pinned_keys *k = NULL;
    int64_t now = clock_now();

    assert_ok(pinned_keys_open(FILE_NAME, &k));
    assert_int_equal(verdict(k, f, now), BEARER_GOOD); /* there never was a list */
    put_list(f, now - 20, HOUR);
    assert_int_equal(verdict(k, f, now), BEARER_GOOD);
    assert_ok(revoke_subject(f->store, "default", "ann", now));
    put_list(f, now - 10, HOUR);
    assert_int_equal(verdict(k, f, now), BEARER_REVOKED);
    assert_int_equal(verdict(k, f, now + 1), BEARER_GOOD); /* a new login */
    struct store *revoking = f->store;
    assert_ok(store_open("sqlite::memory:", &f->store));
    assert_ok(access_schema_apply(f->store));
    put_list(f, now - 20, HOUR); /* an older one, that names nobody */
    assert_int_equal(verdict(k, f, now), BEARER_REVOKED);
    assert_ok(file_write(FILE_NAME PINNED_KEYS_REVOKED, SPAN("{}"), 0600));
    assert_int_equal(verdict(k, f, now), BEARER_REVOKED);
    unlink(FILE_NAME PINNED_KEYS_REVOKED);
    assert_int_equal(verdict(k, f, now), BEARER_REVOKED);
    assert_int_equal(verdict(k, f, now + 2 * HOUR), BEARER_OUTDATED);
    put_list(f, now, HOUR);
    assert_int_equal(verdict(k, f, now), BEARER_GOOD);
    store_close(f->store);
    f->store = revoking;
}

static void a_file_that_is_no_list_lets_nobody_in(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_now();
    struct {
        int64_t made, lifetime;
    } lists[] = { { 0, 0 }, { now - 2 * HOUR, HOUR } };

    for (size_t i = 0; i < 2; i++) {
        owned(pinned_keys_close) struct pinned_keys *k = NULL;
        if (lists[i].made)
            put_list(f, lists[i].made, lists[i].lifetime);
        else
            assert_ok(file_write(FILE_NAME PINNED_KEYS_REVOKED, SPAN("not a list"), 0600));
        assert_ok(pinned_keys_open(FILE_NAME, &k));
        assert_int_equal(verdict(k, f, now), BEARER_OUTDATED);
    }
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(one_token),
        ROW(all_of_a_user_and_of_a_tenant),
        ROW(bounded),
        ROW(forgotten_once_no_token_can_be_as_old),
        ROW(only_a_list_by_our_key_is_one),
        ROW(beside_the_pinned_keys),
        ROW(a_file_that_is_no_list_lets_nobody_in),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
