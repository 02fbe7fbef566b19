// SPDX-License-Identifier: Apache-2.0
#include "access/lockout.h"

#include <stdio.h>

#include "access/work_gate.h"
#include "crypto/crypto.h"
#include "unit.h"

#define TENANT SPAN("default")

static const struct lockout_rule rule = { .attempts = 3, .window = 100, .duration = 50 };

static unsigned attempt(struct lockout *l, const char *name, int64_t now,
                        enum lockout_result result)
{
    unsigned wait = 0;

    assert_ok(lockout_enter(l, TENANT, span_str(name), now, &wait));
    if (!wait)
        lockout_leave(l, TENANT, span_str(name), now, result);
    return wait;
}

static void locks_after_failures_within_the_window(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;

    (void)state;
    assert_ok(lockout_new(rule, &l));
    assert_int_equal(attempt(l, "ann", 1000, LOCKOUT_FAILED), 0);
    assert_int_equal(attempt(l, "ann", 1001, LOCKOUT_FAILED), 0);
    assert_int_equal(attempt(l, "ann", 1002, LOCKOUT_FAILED), 0);
    assert_int_equal(attempt(l, "ann", 1002, LOCKOUT_GOOD), 50);
    assert_int_equal(attempt(l, "ANN", 1051, LOCKOUT_GOOD),
                     1); /* L20: no second chance by spelling */
    assert_int_equal(attempt(l, "bob", 1002, LOCKOUT_GOOD), 0);
    assert_int_equal(attempt(l, "ann", 1052, LOCKOUT_FAILED), 0); /* over; the count begins anew */
    assert_int_equal(attempt(l, "ann", 1053, LOCKOUT_GOOD), 0);
}

static void success_and_time_forget(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;

    (void)state;
    assert_ok(lockout_new(rule, &l));
    attempt(l, "ann", 1000, LOCKOUT_FAILED);
    attempt(l, "ann", 1000, LOCKOUT_FAILED);
    attempt(l, "ann", 1000, LOCKOUT_GOOD);
    attempt(l, "ann", 1000, LOCKOUT_FAILED);
    attempt(l, "ann", 1000, LOCKOUT_FAILED);
    assert_int_equal(attempt(l, "ann", 1100, LOCKOUT_FAILED), 0); /* window over */
    assert_int_equal(attempt(l, "ann", 1101, LOCKOUT_FAILED), 0);
    assert_int_equal(attempt(l, "ann", 1102, LOCKOUT_UNDECIDED), 0);
    assert_int_equal(attempt(l, "ann", 1102, LOCKOUT_FAILED), 0);
    assert_int_equal(attempt(l, "ann", 1103, LOCKOUT_FAILED), 49);
}

/* L12: guesses in flight at once count as if they had failed. */
static void concurrent_attempts_gain_nothing(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;
    unsigned wait = 9, entered = 0;

    (void)state;
    assert_ok(lockout_new(rule, &l));
    for (int i = 0; i < 64; i++) {
        assert_ok(lockout_enter(l, TENANT, SPAN("ann"), 1000, &wait));
        entered += wait == 0;
    }
    assert_int_equal(entered, 3);
    for (unsigned i = 0; i < entered; i++)
        lockout_leave(l, TENANT, SPAN("ann"), 1000, LOCKOUT_FAILED);
    assert_int_equal(attempt(l, "ann", 1001, LOCKOUT_GOOD), 49);
}

/* Memory is bounded, and a flood of names does not unlock a locked one. */
static void flood_keeps_locked_names(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;
    char name[32];

    (void)state;
    assert_ok(lockout_new((struct lockout_rule){ 3, 100000, 100000 }, &l));
    for (int i = 0; i < 3; i++)
        attempt(l, "ann", 1000, LOCKOUT_FAILED);
    for (int i = 0; i < LOCKOUT_NAMES_MAX + 500; i++) {
        snprintf(name, sizeof(name), "stranger%d", i);
        assert_int_equal(attempt(l, name, 1001 + i, LOCKOUT_FAILED), 0);
    }
    assert_true(attempt(l, "ann", 7000, LOCKOUT_GOOD) > 0);
}

static void tenants_are_apart(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;
    unsigned wait = 9;

    (void)state;
    assert_ok(lockout_new(rule, &l));
    for (int i = 0; i < 3; i++)
        attempt(l, "ann", 1000, LOCKOUT_FAILED);
    assert_ok(lockout_enter(l, SPAN("other"), SPAN("ann"), 1000, &wait));
    assert_int_equal(wait, 0);
    assert_ok(lockout_enter(l, SPAN("defaul"), SPAN("tann"), 1000, &wait)); /* L48 */
    assert_int_equal(wait, 0);
}

static void gate_turns_the_surplus_away(void **state)
{
    owned(work_gate_free) struct work_gate *g = NULL;

    (void)state;
    assert_ok(work_gate_new(2, 0, &g));
    assert_true(work_gate_enter(g));
    assert_true(work_gate_enter(g));
    assert_false(work_gate_enter(g));
    work_gate_leave(g);
    assert_true(work_gate_enter(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locks_after_failures_within_the_window),
        cmocka_unit_test(success_and_time_forget),
        cmocka_unit_test(concurrent_attempts_gain_nothing),
        cmocka_unit_test(flood_keeps_locked_names),
        cmocka_unit_test(tenants_are_apart),
        cmocka_unit_test(gate_turns_the_surplus_away),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
