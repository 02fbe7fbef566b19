// SPDX-License-Identifier: Apache-2.0
#include "access/role_context.h"

#include <stdio.h>

#include "unit.h"

static void reads_contexts_of_the_seed(void **state)
{
    struct role_context c;

    (void)state;
    assert_ok(role_context_parse(SPAN("permissions=nginx,USA"), &c));
    assert_int_equal(c.count, 1);
    assert_true(span_equal_str(role_context_get(&c, "permissions"), "nginx,USA"));
    assert_ok(role_context_parse(
        SPAN("CN=KBS TLS Certificate;SAN=localhost,127.0.0.1;certType=TLS"), &c));
    assert_int_equal(c.count, 3);
    assert_true(span_equal_str(role_context_get(&c, "cn"), "KBS TLS Certificate"));
    assert_true(span_equal_str(role_context_get(&c, "CERTTYPE"), "TLS"));
    assert_int_equal(role_context_get(&c, "other").len, 0);
    assert_ok(role_context_parse(SPAN(" CN = a ; SAN = b , c "), &c));
    assert_true(span_equal_str(role_context_get(&c, "CN"), "a"));
    assert_true(context_list_has(role_context_get(&c, "SAN"), SPAN("c")));
    assert_ok(role_context_parse(SPAN(""), &c));
    assert_int_equal(c.count, 0);
}

static void refuses_what_it_cannot_understand(void **state)
{
    static const char *const bad[] = { "nginx,USA", "=a",       "a=",         "a=b;",
                                       ";a=b",      "a=b;;c=d", "a=b;A=c",    "a=b=c",
                                       "a=,b",      "a=b,",     "a=b,,c",     "a=b\n",
                                       "a='b'",     "a=b|c",    "a=\xc3\xa4", "a b=c" };
    struct role_context c = { .count = 77 };
    char text[ROLE_CONTEXT_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = role_context_parse(span_str(bad[i]), &c);
        if (e.kind != FAIL_INPUT)
            fail_msg("accepted: %s", bad[i]);
    }
    assert_fails(role_context_parse(span_from("a=b\0;c=d", 8), &c), FAIL_INPUT);
    assert_fails(role_context_parse(SPAN("a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1"), &c), FAIL_LIMIT);
    memset(text, 'a', sizeof(text));
    text[1] = '=';
    assert_fails(role_context_parse(span_from(text, ROLE_CONTEXT_MAX + 1), &c), FAIL_LIMIT);
    assert_int_equal(c.count, 77); /* untouched by failures */
    assert_ok(role_context_parse(span_from(text, ROLE_CONTEXT_MAX), &c));
}

/* L18: an entry is compared whole; a value with a comma, star or blank is no list of its own. */
static void lists_do_not_widen(void **state)
{
    (void)state;
    assert_true(context_list_has(SPAN("nginx,USA"), SPAN("USA")));
    assert_false(context_list_has(SPAN("nginx,USA"), SPAN("nginx,USA")));
    assert_false(context_list_has(SPAN("nginx,USA"), SPAN("usa")));
    assert_false(context_list_has(SPAN("nginx,USA"), SPAN("US")));
    assert_false(context_list_has(SPAN("nginx,USA"), SPAN("*")));
    assert_false(context_list_has(SPAN("*"), SPAN("nginx")));
    assert_false(context_list_has(SPAN("nginx,USA"), SPAN(" USA")));
    assert_false(context_list_has(SPAN("nginx,USA"), SPAN("")));
    assert_false(context_list_has(SPAN(""), SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_contexts_of_the_seed),
        cmocka_unit_test(refuses_what_it_cannot_understand),
        cmocka_unit_test(lists_do_not_widen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
