// SPDX-License-Identifier: Apache-2.0
/* Users, roles and logins over a store in memory. */
#include <stdio.h>
#include <unistd.h>

#include "access/bearer.h"
#include "access/login.h"
#include "access/role.h"
#include "access/schema.h"
#include "crypto/crypto.h"
#include "unit.h"

#define T TENANT_DEFAULT
#define KEY_FILE "test_account.lockout.key"

static const struct role_filter any;

static int setup(void **state)
{
    struct store *s = NULL;

    assert_ok(store_open("sqlite::memory:", &s));
    assert_ok(access_schema_apply(s));
    assert_ok(access_schema_apply(s)); /* again is harmless */
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    store_close(*state);
    return 0;
}

static struct user make_user(struct store *s, const char *name)
{
    struct user u;

    assert_ok(user_create(s, T, span_str(name), "hash", 1000, &u));
    return u;
}

static json_t *make_role(struct store *s, const char *service, const char *name,
                         const char *context, const char *rule)
{
    owned(json_free) json_t *rules = rule ? json_pack("[s]", rule) : NULL;
    const struct role_spec spec = { span_str(service), span_str(name), span_str(context), rules };
    json_t *role = NULL;

    assert_ok(role_create(s, T, &spec, 1000, &role));
    return role;
}

static void users_have_one_name(void **state)
{
    struct store *s = *state;
    struct user u = make_user(s, "Ann.Smith@example.com"), again, v;

    assert_ok(user_find(s, T, span_str(u.id), &v));
    assert_string_equal(v.name, "Ann.Smith@example.com");
    assert_ok(user_find(s, T, SPAN("ann.smith@EXAMPLE.com"), &v));
    assert_string_equal(v.id, u.id);
    assert_fails(user_create(s, T, SPAN("ann.smith@example.com"), "hash", 1000, &again),
                 FAIL_CONFLICT); /* L20 */
    assert_fails(user_find(s, "other", SPAN("ann.smith@example.com"), &v), FAIL_ABSENT);
    assert_ok(user_create(s, "other", SPAN("ann.smith@example.com"), "hash", 1000, &again));
    assert_fails(user_find(s, T, span_str(again.id), &v), FAIL_ABSENT); /* another tenant's id */
    assert_fails(user_delete(s, T, again.id), FAIL_ABSENT);
    assert_fails(user_set_password(s, T, again.id, "x", 1), FAIL_ABSENT);
    assert_ok(user_delete(s, T, u.id));
    assert_fails(user_find(s, T, span_str(u.id), &v), FAIL_ABSENT);
}

/* For a login a name that is nobody's is somebody without an id; an id is no name. */
static void nobody_is_found_too(void **state)
{
    struct store *s = *state;
    struct user v;

    assert_ok(user_find_or_nobody(s, T, SPAN("ann"), "nobody's", &v));
    assert_true(!v.id[0] && !strcmp(v.password_hash, "nobody's"));
    struct user u = make_user(s, "Ann");
    assert_ok(user_find_or_nobody(s, T, SPAN("aNN"), "nobody's", &v));
    assert_string_equal(v.id, u.id);
    assert_string_equal(v.password_hash, "hash");
    const struct span others[] = { SPAN("bob"), SPAN(""), SPAN("../ann"), SPAN("ann "),
                                   span_str(u.id) };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_ok(user_find_or_nobody(s, T, others[i], "nobody's", &v));
        assert_true(!v.id[0] && !strcmp(v.password_hash, "nobody's"));
    }
    assert_ok(user_find_or_nobody(s, "other", SPAN("ann"), "nobody's", &v));
    assert_true(!v.id[0]);
}

/* L19: no name that a path or a second decoder could read as something else. */
static void user_names_are_plain(void **state)
{
    static const char *const bad[] = { "",
                                       ".",
                                       "..",
                                       "../x",
                                       ".hidden",
                                       "a/b",
                                       "a b",
                                       "a%2fb",
                                       "a*",
                                       "a'b",
                                       "a\"b",
                                       "a\nb",
                                       "-x",
                                       "changepassword",
                                       "ChangePassword",
                                       "a;b",
                                       "123e4567-e89b-42d3-a456-426614174000" };
    struct user u;
    char longest[USER_NAME_MAX + 2];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_fails(user_create(*state, T, span_str(bad[i]), "hash", 1, &u), FAIL_INPUT);
        assert_fails(user_find(*state, T, span_str(bad[i]), &u), FAIL_ABSENT);
    }
    assert_fails(user_create(*state, T, span_from("ab\0c", 4), "hash", 1, &u), FAIL_INPUT);
    memset(longest, 'a', sizeof(longest));
    assert_fails(user_create(*state, T, span_from(longest, USER_NAME_MAX + 1), "hash", 1, &u),
                 FAIL_INPUT);
    assert_ok(user_create(*state, T, span_from(longest, USER_NAME_MAX), "hash", 1, &u));
}

static void answers_keep_their_order_and_no_hash(void **state)
{
    struct user u = make_user(*state, "ann");
    owned(json_free) json_t *user = user_json(&u);
    owned(json_free) json_t *role = make_role(*state, "KBS", "KeyCRUD", "", "*:*:*");
    owned(json_free) json_t *list = NULL;
    char *user_text owned(free) = json_text(user);
    char *role_text owned(free) = json_text(role);
    char start[128];

    snprintf(start, sizeof(start), "{\"user_id\":\"%s\",\"username\":\"ann\"", u.id);
    assert_int_equal(strncmp(user_text, start, strlen(start)), 0);
    assert_int_equal(strncmp(role_text, "{\"role_id\":\"", 12), 0);
    assert_ok(user_list(*state, T, (struct span){ 0 }, (struct span){ 0 }, &list));
    assert_int_equal(json_array_size(list), 1);
    char *list_text owned(free) = json_text(list);
    assert_null(strstr(list_text, "hash"));
}

static void users_are_listed_by_name(void **state)
{
    static const char *const names[] = { "carl", "Ann", "bob" };
    owned(json_free) json_t *all = NULL;
    owned(json_free) json_t *one = NULL;
    owned(json_free) json_t *after = NULL;

    for (size_t i = 0; i < 3; i++)
        make_user(*state, names[i]);
    assert_ok(user_list(*state, T, (struct span){ 0 }, (struct span){ 0 }, &all));
    assert_int_equal(json_array_size(all), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "username")),
                        "Ann");
    assert_ok(user_list(*state, T, SPAN("BOB"), (struct span){ 0 }, &one));
    assert_int_equal(json_array_size(one), 1);
    assert_ok(user_list(*state, T, (struct span){ 0 }, SPAN("ann"), &after));
    assert_int_equal(json_array_size(after), 2);
}

static void rehash_never_undoes_a_change(void **state)
{
    struct user u = make_user(*state, "ann"), v;

    assert_ok(user_set_password(*state, T, u.id, "new", 2000));
    assert_ok(user_rehash(*state, T, u.id, "hash", "hash again"));
    assert_ok(user_find(*state, T, SPAN("ann"), &v));
    assert_string_equal(v.password_hash, "new");
    assert_int_equal(v.version, 2);
    assert_int_equal(v.password_changed_at, 2000);
}

static void roles_are_checked_at_input(void **state)
{
    static const struct {
        const char *service, *name, *context, *rule;
        uint32_t wanted;
    } rows[] = {
        { "KBS", "KeyTransfer", "permissions=nginx,USA", NULL, FAIL_NONE },
        { "KBS", "KeyTransfer", "nginx,USA", NULL, FAIL_INPUT },
        { "KBS", "Other", "nginx,USA", NULL, FAIL_NONE },
        { "CMS", "CertApprover", "CN=a;SAN=b;CERTTYPE=TLS", NULL, FAIL_NONE },
        { "CMS", "CertApprover", "CN=a;SAN=b", NULL, FAIL_INPUT },
        { "cms", "CertApprover", "", NULL, FAIL_INPUT },
        { "", "x", "", NULL, FAIL_INPUT },
        { "KBS", "", "", NULL, FAIL_INPUT },
        { "KBS", "a b", "", NULL, FAIL_INPUT },
        { "KBS", "x", "a\nb", NULL, FAIL_INPUT },
        { "KBS", "x", "", "*", FAIL_INPUT },
        { "KBS", "x", "", "keys:cre*", FAIL_INPUT },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *rules = rows[i].rule ? json_pack("[s]", rows[i].rule) : NULL;
        owned(json_free) json_t *role = NULL;
        const struct role_spec spec = { span_str(rows[i].service), span_str(rows[i].name),
                                        span_str(rows[i].context), rules };
        struct err e = role_create(*state, T, &spec, 1, &role);
        if (e.kind != rows[i].wanted)
            fail_msg("row %zu: %s", i, e.what);
    }
}

static void same_role_once(void **state)
{
    owned(json_free) json_t *role = make_role(*state, "kbs", "KeyCRUD", "", "*:*:*");
    owned(json_free) json_t *again = NULL;
    const struct role_spec spec = { SPAN("KBS"), SPAN("KeyCRUD"), SPAN(""), NULL };

    assert_string_equal(json_string_value(json_object_get(role, "service")), "KBS"); /* L20 */
    assert_fails(role_create(*state, T, &spec, 1, &again), FAIL_CONFLICT);
    assert_ok(role_create(*state, "other", &spec, 1, &again));
}

static void roles_are_filtered(void **state)
{
    owned(json_free) json_t *a = make_role(*state, "KBS", "KeyTransfer", "permissions=nginx", NULL);
    owned(json_free) json_t *b = make_role(*state, "KBS", "KeyTransfer", "permissions=USA", NULL);
    owned(json_free) json_t *c =
        make_role(*state, "CMS", "CertApprover", "CN=a;CERTTYPE=TLS", NULL);
    static const struct {
        struct role_filter filter;
        size_t wanted;
    } rows[] = {
        { { .service = { (const uint8_t *)"kbs", 3 } }, 2 },
        { { .name = { (const uint8_t *)"CertApprover", 12 } }, 1 },
        { { .context_part = { (const uint8_t *)"nginx", 5 } }, 1 },
        { { .context_part = { (const uint8_t *)"%", 1 } }, 0 },
        { { .context = { (const uint8_t *)"permissions=USA", 15 } }, 1 },
        { { .name = { NULL, 0 } }, 3 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *list = NULL;
        assert_ok(role_list(*state, T, &rows[i].filter, &list));
        assert_int_equal(json_array_size(list), rows[i].wanted);
    }
}

static void granting_is_all_or_nothing(void **state)
{
    struct user u = make_user(*state, "ann");
    owned(json_free) json_t *role = make_role(*state, "KBS", "KeyCRUD", "", "*:*:*");
    const char *id = json_string_value(json_object_get(role, "role_id"));
    owned(json_free) json_t *mixed =
        json_pack("[s, s]", id, "123e4567-e89b-42d3-a456-426614174000");
    owned(json_free) json_t *numbers = json_pack("[s, i]", id, 3);
    owned(json_free) json_t *none = json_array();
    owned(json_free) json_t *good = json_pack("[s]", id);
    owned(json_free) json_t *held = NULL;
    owned(json_free) json_t *held_now = NULL;

    assert_fails(user_role_grant(*state, T, u.id, mixed, 1), FAIL_ABSENT);
    assert_fails(user_role_grant(*state, T, u.id, numbers, 1), FAIL_INPUT);
    assert_fails(user_role_grant(*state, T, u.id, none, 1), FAIL_INPUT);
    assert_fails(user_role_grant(*state, "other", u.id, good, 1), FAIL_ABSENT);
    assert_ok(user_role_list(*state, T, u.id, &any, &held));
    assert_int_equal(json_array_size(held), 0);
    assert_ok(user_role_grant(*state, T, u.id, good, 1));
    assert_ok(user_role_grant(*state, T, u.id, good, 1)); /* again is fine */
    assert_ok(user_role_list(*state, T, u.id, &any, &held_now));
    assert_int_equal(json_array_size(held_now), 1);
    assert_ok(user_role_revoke(*state, T, u.id, span_str(id)));
    assert_fails(user_role_revoke(*state, T, u.id, span_str(id)), FAIL_ABSENT);
}

static void deleted_roles_leave_nothing(void **state)
{
    struct user u = make_user(*state, "ann");
    owned(json_free) json_t *role = make_role(*state, "KBS", "KeyCRUD", "", "*:*:*");
    const char *id = json_string_value(json_object_get(role, "role_id"));
    owned(json_free) json_t *ids = json_pack("[s]", id);
    owned(json_free) json_t *claims = NULL;

    assert_ok(user_role_grant(*state, T, u.id, ids, 1));
    assert_ok(role_delete(*state, T, span_str(id)));
    assert_ok(user_role_claims(*state, T, u.id, &claims));
    assert_int_equal(json_array_size(json_object_get(claims, "roles")), 0);
    assert_int_equal(json_array_size(json_object_get(claims, "permissions")), 0);
}

static void claims_say_what_the_roles_allow(void **state)
{
    struct user u = make_user(*state, "ann");
    owned(json_free) json_t *a =
        make_role(*state, "KBS", "KeyTransfer", "permissions=nginx,USA", NULL);
    owned(json_free) json_t *b = make_role(*state, "KBS", "KeyReader", "", "keys:search:*");
    owned(json_free) json_t *c = make_role(*state, "KBS", "KeyMaker", "", "keys:create");
    owned(json_free) json_t *ids = json_array();
    owned(json_free) json_t *claims = NULL;
    const json_t *const roles[] = { a, b, c };

    for (size_t i = 0; i < 3; i++)
        json_array_append(ids, json_object_get(roles[i], "role_id"));
    assert_ok(user_role_grant(*state, T, u.id, ids, 1));
    assert_ok(user_role_claims(*state, T, u.id, &claims));
    assert_int_equal(json_array_size(json_object_get(claims, "roles")), 3);
    assert_int_equal(json_array_size(json_object_get(claims, "permissions")),
                     1); /* one service and context */
    assert_true(claims_allow(claims, "KBS", "keys:search", (struct span){ 0 }));
    assert_true(claims_allow(claims, "KBS", "keys:create", (struct span){ 0 }));
    assert_false(claims_allow(claims, "KBS", "keys:delete", (struct span){ 0 }));
    assert_false(
        claims_allow(claims, "AAS", "keys:search", (struct span){ 0 })); /* another service */
}

static void a_token_has_room_for_all_roles(void **state)
{
    struct user u = make_user(*state, "ann");
    char name[32], context[400];
    struct err e = OK;
    int made = 0;

    memset(context, 'a', sizeof(context) - 1);
    context[sizeof(context) - 1] = 0;
    for (; made < 40 && !failed(e); made++) {
        snprintf(name, sizeof(name), "role%d", made);
        owned(json_free) json_t *role = make_role(*state, "X", name, context, "a:b");
        owned(json_free) json_t *ids = json_array();
        json_array_append(ids, json_object_get(role, "role_id"));
        e = user_role_grant(*state, T, u.id, ids, 1);
    }
    assert_int_equal(e.kind, FAIL_LIMIT);
    owned(json_free) json_t *held = NULL;
    assert_ok(user_role_list(*state, T, u.id, &any, &held));
    assert_int_equal(json_array_size(held), made - 1);
}

static struct login *make_login(struct store *s)
{
    const struct login_config config = { .cost = { 19456, 2 },
                                         .lockout = { 3, 100, 50, 50 },
                                         .lockout_key = KEY_FILE,
                                         .hashing = 2,
                                         .waiting = 8 };
    struct login *l = NULL;

    unlink(KEY_FILE);
    assert_ok(login_new(s, &config, &l));
    return l;
}

static enum login_outcome try_login(struct login *l, const char *name, const char *password,
                                    int64_t now)
{
    owned(secret_free) struct secret *p = secret_copy(span_str(password));
    struct login_answer a;

    assert_ok(login_check(l, T, span_str(name), p, now, &a));
    return a.outcome;
}

static void logins(void **state)
{
    struct store *s = *state;
    owned(login_free) struct login *l = make_login(s);
    owned(secret_free) struct secret *p = secret_copy(SPAN("correct horse"));
    char hash[PASSWORD_HASH_SIZE];
    struct user u, v;

    /* Made under another cost: renewed by the first good login. */
    assert_ok(password_hash(p, (struct password_cost){ 19457, 2 }, hash));
    assert_ok(user_create(s, T, SPAN("ann"), hash, 1, &u));
    assert_int_equal(try_login(l, "ann", "correct horse", 1000), LOGIN_GOOD);
    assert_ok(user_find(s, T, SPAN("ann"), &v));
    assert_string_not_equal(v.password_hash, hash);
    assert_int_equal(v.version, 1);
    assert_int_equal(try_login(l, "Ann", "correct horse", 1000), LOGIN_GOOD);
    assert_int_equal(try_login(l, u.id, "correct horse", 1000),
                     LOGIN_REFUSED); /* no second name to guess under */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try_login(l, "ann", "wrong horse", 1000), LOGIN_REFUSED);
        assert_int_equal(try_login(l, "nobody", "wrong horse", 1000), LOGIN_REFUSED);
        assert_int_equal(try_login(l, "no/name", "wrong horse", 1000), LOGIN_REFUSED);
    }
    assert_int_equal(try_login(l, "ann", "correct horse", 1001), LOGIN_LOCKED);
    assert_int_equal(try_login(l, "nobody", "x", 1001), LOGIN_LOCKED); /* as if there were one */
    assert_int_equal(try_login(l, "no/name", "x", 1001), LOGIN_LOCKED);
    assert_int_equal(try_login(l, "ann", "correct horse", 1050), LOGIN_GOOD);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(users_have_one_name),
        ROW(nobody_is_found_too),
        ROW(user_names_are_plain),
        ROW(answers_keep_their_order_and_no_hash),
        ROW(users_are_listed_by_name),
        ROW(rehash_never_undoes_a_change),
        ROW(roles_are_checked_at_input),
        ROW(same_role_once),
        ROW(roles_are_filtered),
        ROW(granting_is_all_or_nothing),
        ROW(deleted_roles_leave_nothing),
        ROW(claims_say_what_the_roles_allow),
        ROW(a_token_has_room_for_all_roles),
        ROW(logins),
    };
    json_start();
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
