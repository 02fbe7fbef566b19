// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/rate_limit.h"

#define SECOND 1000000

static unsigned taken(struct rate_limit *r, const char *name, int64_t at, unsigned tries)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += rate_limit_take(r, span_str(name), at);
    return n;
}

static void burst_then_rate(void **state)
{
    owned(rate_limit_free) struct rate_limit *r = NULL;
    int64_t start = 5 * SECOND;

    (void)state;
    assert_false(failed(rate_limit_new(10, 20, &r)));
    assert_int_equal(taken(r, "a", start, 100), 20);
    assert_int_equal(taken(r, "a", start + SECOND / 20, 100), 0); /* half of one */
    assert_int_equal(taken(r, "a", start + SECOND / 10, 100), 1);
    assert_int_equal(taken(r, "a", start + SECOND + SECOND / 10, 100), 10);
    assert_int_equal(taken(r, "a", start + 1000 * (int64_t)SECOND, 100), 20);
    assert_int_equal(taken(r, "a", INT64_MAX, 100), 20);
}

static void names_are_apart(void **state)
{
    owned(rate_limit_free) struct rate_limit *r = NULL;

    (void)state;
    assert_false(failed(rate_limit_new(1, 3, &r)));
    assert_int_equal(taken(r, "a", SECOND, 10), 3);
    assert_int_equal(taken(r, "b", SECOND, 10), 3);
    assert_int_equal(taken(r, "ab", SECOND, 10), 3);
    assert_int_equal(taken(r, "a", SECOND, 10), 0);
}

/* A clock that steps back gives nothing away, and takes nothing. */
static void time_backwards(void **state)
{
    owned(rate_limit_free) struct rate_limit *r = NULL;

    (void)state;
    assert_false(failed(rate_limit_new(1, 2, &r)));
    assert_int_equal(taken(r, "a", 100 * (int64_t)SECOND, 10), 2);
    assert_int_equal(taken(r, "a", 50 * (int64_t)SECOND, 10), 0);
    assert_int_equal(taken(r, "a", 51 * (int64_t)SECOND, 10), 1);
}

/* A flood of names stays within the table; a name in use all the while is not forgotten. */
static void many_names(void **state)
{
    owned(rate_limit_free) struct rate_limit *r = NULL;
    char name[RATE_LIMIT_NAME_MAX * 2];
    unsigned got = 0;

    (void)state;
    assert_false(failed(rate_limit_new(1, 5, &r)));
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(taken(r, name, SECOND + i, 1), 1);
        got += taken(r, "steady", SECOND + i, 1);
    }
    assert_int_equal(got, 5);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(taken(r, name, SECOND, 10), 5);
}

static void limits(void **state)
{
    struct rate_limit *r = NULL;

    (void)state;
    assert_int_equal(rate_limit_new(0, 1, &r).kind, FAIL_INPUT);
    assert_int_equal(rate_limit_new(1, 0, &r).kind, FAIL_INPUT);
    assert_int_equal(rate_limit_new(RATE_LIMIT_MAX + 1, 1, &r).kind, FAIL_INPUT);
    assert_int_equal(rate_limit_new(1, RATE_LIMIT_MAX + 1, &r).kind, FAIL_INPUT);
    assert_null(r);
    assert_true(rate_limit_take(NULL, SPAN("a"), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_rate), cmocka_unit_test(names_are_apart),
        cmocka_unit_test(time_backwards),  cmocka_unit_test(many_names),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
