// SPDX-License-Identifier: Apache-2.0
#include "access/bearer.h"

#include <stdio.h>
#include <utime.h>

#include "access/pinned_keys.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "token/jwt.h"
#include "unit.h"

#define NOW 1795435200
#define HOUR 3600

struct fixture {
    struct key *key, *other;
    struct jwks *keys;
    struct buf text;
};

static void set_of(const struct key *k, struct buf *text, struct jwks **out)
{
    const struct key *const keys[] = { k };

    assert_ok(jwks_text(keys, 1, text));
    if (out)
        assert_ok(jwks_parse(buf_span(text), out));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->text = buf_of(16U << 10);
    assert_ok(key_make_ec(KEY_P256, &f->key));
    assert_ok(key_make_ec(KEY_P256, &f->other));
    set_of(f->key, &f->text, &f->keys);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    key_free(f->key);
    key_free(f->other);
    jwks_free(f->keys);
    buf_done(&f->text);
    free(f);
    return 0;
}

static json_t *good_claims(void)
{
    json_t *c = json_pack("{s:s, s:s, s:[{s:s,s:s,s:s}, {s:s,s:s,s:s}], s:[{s:s,s:s,s:[s,s]}]}",
                          "sub", "ann", "tenant", "default", "roles", "service", "KBS", "name",
                          "KeyTransfer", "context", "permissions=nginx,USA", "service", "KBS",
                          "name", "KeyTransfer", "context", "permissions=edge", "permissions",
                          "service", "KBS", "context", "", "rules", "keys:search:*", "keys:create");

    assert_ok(jwt_stamp(c, BEARER_ISSUER, BEARER_AUDIENCE, NOW, HOUR));
    return c;
}

static enum bearer_verdict verdict_at(const struct fixture *f, const struct key *k,
                                      const json_t *claims, int64_t now)
{
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict v = BEARER_GOOD;

    assert_ok(jwt_sign(k, "JWT", claims, &text));
    assert_ok(bearer_verify(f->keys, buf_span(&text), now, &v, &b));
    assert_int_equal(v == BEARER_GOOD, b.claims != NULL);
    return v;
}

static void good_token(void **state)
{
    struct fixture *f = *state;
    owned(json_free) json_t *claims = good_claims();
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict v = BEARER_INVALID;
    struct bearer_role role;

    assert_ok(jwt_sign(f->key, "JWT", claims, &text));
    assert_ok(bearer_verify(f->keys, buf_span(&text), NOW, &v, &b));
    assert_int_equal(v, BEARER_GOOD);
    assert_string_equal(b.subject, "ann");
    assert_string_equal(b.tenant, "default");
    assert_int_equal(b.expires_at, NOW + HOUR);
    assert_true(bearer_role_at(&b, 1, &role));
    assert_true(span_equal_str(role.context, "permissions=edge"));
    assert_false(bearer_role_at(&b, 2, &role));
    assert_true(bearer_allows(&b, "KBS", "keys:create", (struct span){ 0 }));
    assert_false(bearer_allows(&b, "KBS", "keys:delete", (struct span){ 0 }));
    assert_false(bearer_allows(&b, "AS", "keys:create", (struct span){ 0 }));
    assert_false(bearer_allows(&b, "kbs", "keys:create", (struct span){ 0 }));
}

/* What a route says it needs. */
static void needs(void **state)
{
    static const struct {
        const char *needs;
        bool met;
    } cases[] = {
        { "KBS:keys:create", true },
        { "KBS:keys:delete", false },
        { "AAS:keys:create", false },
        { "KBS:keys:delete or KBS:keys:create", true },
        { "KBS:keys:create or KBS:keys:delete", true },
        { "KBS:keys:delete or AAS:users:create", false },
        { "KBS:KeyTransfer", true }, /* the role */
        { "KBS:keytransfer", false },
        { "CMS:KeyTransfer", false },
        { "KBS:KeyTransfer:x", false }, /* no role, a permission */
        { "", false },
        { "KBS", false },
        { " or ", false },
        { "KBS:", false },
        { ":keys:create", false },
        { "KBSandaservicewithaname:keys:create", false },
    };
    owned(json_free) json_t *claims = good_claims();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(claims_meet(claims, cases[i].needs), cases[i].met);
}

/* L14: each of the required claims missing or of another kind. */
static void required_claims(void **state)
{
    static const char *const names[] = { "iss", "aud", "sub", "tenant", "iat",
                                         "nbf", "exp", "jti", "roles",  "permissions" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        owned(json_free) json_t *claims = good_claims();
        json_object_del(claims, names[i]);
        if (verdict_at(*state, ((struct fixture *)*state)->key, claims, NOW) != BEARER_INVALID)
            fail_msg("accepted without %s", names[i]);
        json_object_set_new(claims, names[i], json_true());
        if (verdict_at(*state, ((struct fixture *)*state)->key, claims, NOW) != BEARER_INVALID)
            fail_msg("accepted with %s true", names[i]);
    }
}

static void wrong_claims(void **state)
{
    static const struct {
        const char *name, *json;
    } rows[] = {
        { "iss", "\"warder-as\"" },
        { "aud", "\"warder-kbs\"" },
        { "sub", "\"\"" },
        { "tenant", "\"\"" },
        { "roles", "[{\"service\":\"KBS\",\"name\":\"x\"}]" },
        { "roles", "[\"KBS:x\"]" },
        { "permissions", "[{\"service\":\"KBS\",\"context\":\"\",\"rules\":\"*:*:*\"}]" },
        { "permissions", "[{\"service\":\"KBS\",\"context\":\"\",\"rules\":[1]}]" },
        { "permissions", "{}" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *claims = good_claims();
        json_t *value = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        json_object_set_new(claims, rows[i].name, value);
        if (verdict_at(*state, ((struct fixture *)*state)->key, claims, NOW) != BEARER_INVALID)
            fail_msg("accepted %s %s", rows[i].name, rows[i].json);
    }
}

static void times(void **state)
{
    struct fixture *f = *state;
    owned(json_free) json_t *claims = good_claims();

    assert_int_equal(verdict_at(f, f->key, claims, NOW + HOUR), BEARER_GOOD); /* 60 s leeway */
    assert_int_equal(verdict_at(f, f->key, claims, NOW + HOUR + 61), BEARER_EXPIRED);
    assert_int_equal(verdict_at(f, f->key, claims, NOW - 61), BEARER_INVALID);
    assert_string_equal(bearer_problem(BEARER_EXPIRED), "token_expired");
    assert_string_equal(bearer_problem(BEARER_INVALID), "token_invalid");
}

/* L35: who signed, what was changed, what is no token. */
static void forged(void **state)
{
    struct fixture *f = *state;
    owned(json_free) json_t *claims = good_claims();
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict v;
    static const char *const bad[] = { "", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30." };

    assert_int_equal(verdict_at(f, f->other, claims, NOW), BEARER_INVALID);
    assert_ok(jwt_sign(f->key, "JWT", claims, &text));
    for (size_t i = 0; i < text.len; i += 7) {
        uint8_t was = text.at[i];
        text.at[i] = was == 'A' ? 'B' : 'A';
        assert_ok(bearer_verify(f->keys, buf_span(&text), NOW, &v, &b));
        assert_int_equal(v, BEARER_INVALID);
        text.at[i] = was;
    }
    for (size_t len = 0; len < text.len; len++) {
        assert_ok(bearer_verify(f->keys, span_head(buf_span(&text), len), NOW, &v, &b));
        assert_int_equal(v, BEARER_INVALID);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_ok(bearer_verify(f->keys, span_str(bad[i]), NOW, &v, &b));
        assert_int_equal(v, BEARER_INVALID);
    }
    struct buf other_type owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    assert_ok(jwt_sign(f->key, "warder-refusal+jwt", claims, &other_type));
    assert_ok(bearer_verify(f->keys, buf_span(&other_type), NOW, &v, &b));
    assert_int_equal(v, BEARER_INVALID);
}

/* client_permissions_allof: all of them, each one whole (L18). */
static void has_all(void **state)
{
    struct fixture *f = *state;
    owned(json_free) json_t *claims = good_claims();
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict v;
    static const struct {
        const char *needed;
        bool met;
    } rows[] = {
        { "[]", true },
        { "[\"nginx\"]", true },
        { "[\"nginx\",\"USA\"]", true },
        { "[\"edge\",\"nginx\"]", true },
        { "[\"EU\"]", false },
        { "[\"nginx\",\"EU\"]", false },
        { "[\"nginx,USA\"]", false },
        { "[\"*\"]", false },
        { "[\"\"]", false },
        { "[\"USA;CN=x\"]", false },
        { "[\"usa\"]", false },
        { "[1]", false },
    };

    assert_ok(jwt_sign(f->key, "JWT", claims, &text));
    assert_ok(bearer_verify(f->keys, buf_span(&text), NOW, &v, &b));
    assert_int_equal(v, BEARER_GOOD);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *needed = NULL;
        assert_ok(json_parse(span_str(rows[i].needed), &needed));
        if (bearer_has_all(&b, "KBS", "KeyTransfer", needed) != rows[i].met)
            fail_msg("%s", rows[i].needed);
    }
    owned(json_free) json_t *one = json_pack("[s]", "nginx");
    assert_false(bearer_has_all(&b, "KBS", "Other", one));
    assert_false(bearer_has_all(&b, "CMS", "KeyTransfer", one));
}

static enum bearer_verdict pinned_verdict(struct pinned_keys *k, const struct key *signer)
{
    owned(json_free) json_t *claims = good_claims();
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict v;

    assert_ok(jwt_sign(signer, "JWT", claims, &text));
    assert_ok(pinned_keys_verify(k, buf_span(&text), NOW, &v, &b));
    return v;
}

static void pinned_keys_follow_the_file(void **state)
{
    struct fixture *f = *state;
    owned(pinned_keys_close) struct pinned_keys *k = NULL;
    struct buf other owned(buf_done) = buf_of(16U << 10);
    char path[] = "/tmp/warder-jwks-XXXXXX";

    assert_fails(pinned_keys_open("/nonexistent/jwks.json", &k), FAIL_ABSENT);
    int fd owned(fd_close) = mkstemp(path);
    assert_true(fd >= 0);
    assert_ok(file_write(path, SPAN("{\"keys\":[]}"), 0644));
    assert_fails(pinned_keys_open(path, &k), FAIL_INPUT); /* L33: no keys is not "trust all" */
    assert_ok(file_write(path, buf_span(&f->text), 0644));
    assert_ok(pinned_keys_open(path, &k));
    assert_int_equal(pinned_verdict(k, f->key), BEARER_GOOD);
    assert_int_equal(pinned_verdict(k, f->other), BEARER_INVALID);
    set_of(f->other, &other, NULL);
    assert_ok(file_write(path, buf_span(&other), 0644));
    assert_int_equal(pinned_verdict(k, f->other), BEARER_GOOD);
    assert_int_equal(pinned_verdict(k, f->key), BEARER_INVALID);
    assert_ok(file_write(path, SPAN("{\"keys\":"), 0644)); /* L8: a broken file changes nothing */
    assert_int_equal(pinned_verdict(k, f->other), BEARER_GOOD);
    unlink(path);
    assert_int_equal(pinned_verdict(k, f->other), BEARER_GOOD);
    assert_int_equal(pinned_verdict(k, f->key), BEARER_INVALID);
}

int main(void)
{
#define ROW(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(good_token), ROW(needs),  ROW(required_claims), ROW(wrong_claims),
        ROW(times),      ROW(forged), ROW(has_all),         ROW(pinned_keys_follow_the_file),
    };
    json_start();
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
