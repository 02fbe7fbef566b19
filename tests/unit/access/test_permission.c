// SPDX-License-Identifier: Apache-2.0
#include "access/permission.h"

#include <stdio.h>

#include "unit.h"

static void rules_match_part_by_part(void **state)
{
    static const struct {
        const char *rule, *needed, *context;
        bool allowed;
    } rows[] = {
        { "keys:create", "keys:create", "", true },
        { "keys:create:*", "keys:create", "", true },
        { "keys:*", "keys:create", "", true },
        { "*:*:*", "keys:create", "", true },
        { "*:create", "keys:create", "", true },
        { "keys:create:*", "keys:create", "nginx", true },
        { "keys:create:nginx", "keys:create", "nginx", true },
        { "keys:create", "keys:create", "nginx", false },
        { "keys:create:nginx", "keys:create", "", false },
        { "keys:create:nginx", "keys:create", "nginx2", false },
        { "keys:create", "keys:delete", "", false },
        { "keys:creat", "keys:create", "", false },
        { "keys:create", "keys:creat", "", false },
        { "keys:Create", "keys:create", "", false },
        { "key:create", "keys:create", "", false },
        { "policies:*:*", "keys:create", "", false },
        /* not rules: allow nothing */
        { "*", "keys:create", "", false },
        { "**:*", "keys:create", "", false },
        { "keys:", "keys:create", "", false },
        { "keys:create:", "keys:create", "", false },
        { ":create", "keys:create", "", false },
        { "keys:cr*", "keys:create", "", false },
        { "", "keys:create", "", false },
        { "keys:create", "keys", "", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool got = rule_allows(span_str(rows[i].rule), rows[i].needed, span_str(rows[i].context));
        if (got != rows[i].allowed)
            fail_msg("%s for %s %s: %d", rows[i].rule, rows[i].needed, rows[i].context, got);
    }
}

/* L18: what comes from outside is only ever itself. */
static void metacharacters_never_widen(void **state)
{
    static const char *const contexts[] = { "*",  "a*",  "a,b", "../a",   "a/b",
                                            "a+", "a:b", "%2a", "nginx,*" };

    (void)state;
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
        struct span context = span_str(contexts[i]);
        assert_false(rule_allows(SPAN("keys:transfer:nginx"), "keys:transfer", context));
        assert_false(rule_allows(SPAN("keys:transfer:a"), "keys:transfer", context));
        assert_false(rule_allows(SPAN("keys:transfer"), "keys:transfer", context));
        assert_true(rule_allows(SPAN("keys:transfer:*"), "keys:transfer", context));
    }
    assert_false(rule_allows(SPAN("keys:create"), "*:*", (struct span){ 0 }));
    assert_false(rule_allows(span_from("keys:create\0:x", 13), "keys:create", (struct span){ 0 }));
}

static const char *const needs[] = { "keys:create",  "keys:search",   "keys:retrieve",
                                     "keys:delete",  "keys:transfer", "users:create",
                                     "users:search", "roles:create",  "policies:update" };
#define NEEDS (sizeof(needs) / sizeof(needs[0]))

/* L31: the matrix of operations and permissions, all cells. */
static void matrix_of_operations(void **state)
{
    (void)state;
    for (size_t held = 0; held < NEEDS; held++) {
        for (size_t needed = 0; needed < NEEDS; needed++) {
            assert_int_equal(rule_allows(span_str(needs[held]), needs[needed], (struct span){ 0 }),
                             held == needed);
        }
    }
    for (size_t i = 0; i < NEEDS; i++) {
        assert_int_equal(rule_allows(SPAN("keys:*:*"), needs[i], (struct span){ 0 }),
                         !strncmp(needs[i], "keys:", 5));
        assert_int_equal(rule_allows(SPAN("*:create:*"), needs[i], (struct span){ 0 }),
                         !strcmp(strchr(needs[i], ':'), ":create"));
    }
}

static void forms_of_rules(void **state)
{
    static const char *const good[] = { "a:b",
                                        "a:b:c",
                                        "*:*",
                                        "*:*:*",
                                        "key_transfer_policies:create:*",
                                        "a:b:permissions=nginx,USA" };
    static const char *const bad[] = { "a",      "a:b:c:d", "a:b:c*", "a b:c",
                                       "a:b:\n", "a::b",    "a:b;c",  "\xc3\xa4:b" };
    char longest[RULE_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(rule_valid(span_str(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(rule_valid(span_str(bad[i])));
    memset(longest, 'a', sizeof(longest));
    longest[1] = ':';
    assert_true(rule_valid(span_from(longest, RULE_MAX)));
    assert_false(rule_valid(span_from(longest, RULE_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_match_part_by_part),
        cmocka_unit_test(metacharacters_never_widen),
        cmocka_unit_test(matrix_of_operations),
        cmocka_unit_test(forms_of_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
