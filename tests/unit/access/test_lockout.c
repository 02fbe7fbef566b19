// SPDX-License-Identifier: Apache-2.0
#include "access/lockout.h"

#include <stdio.h>
#include <unistd.h>

#include "access/schema.h"
#include "access/work_gate.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "unit.h"

#define TENANT SPAN("default")
#define KEY_FILE "test_lockout.key"

static const struct lockout_rule rule = {
    .attempts = 3, .window = 100, .duration = 50, .longest = 150
};

static int setup(void **state)
{
    struct store *s = NULL;

    unlink(KEY_FILE);
    assert_ok(store_open("sqlite::memory:", &s));
    assert_ok(access_schema_apply(s));
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    unlink(KEY_FILE);
    store_close(*state);
    return 0;
}

static unsigned attempt(struct lockout *l, const char *name, int64_t now,
                        enum lockout_result result)
{
    unsigned wait = 0;

    assert_ok(lockout_enter(l, TENANT, span_str(name), now, &wait));
    if (!wait)
        assert_ok(lockout_leave(l, TENANT, span_str(name), now, result));
    return wait;
}

static void locks_after_failures_within_the_window(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;

    assert_ok(lockout_new(*state, KEY_FILE, rule, &l));
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

    assert_ok(lockout_new(*state, KEY_FILE, rule, &l));
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

    assert_ok(lockout_new(*state, KEY_FILE, rule, &l));
    for (int i = 0; i < 64; i++) {
        assert_ok(lockout_enter(l, TENANT, SPAN("ann"), 1000, &wait));
        entered += wait == 0;
    }
    assert_int_equal(entered, 3);
    for (unsigned i = 0; i < entered; i++)
        assert_ok(lockout_leave(l, TENANT, SPAN("ann"), 1000, LOCKOUT_FAILED));
    assert_int_equal(attempt(l, "ann", 1001, LOCKOUT_GOOD), 49);
}

/* Memory is bounded, and a flood of names does not unlock a locked one. */
static void flood_keeps_locked_names(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;
    char name[32];

    assert_ok(
        lockout_new(*state, KEY_FILE, (struct lockout_rule){ 3, 100000, 100000, 100000 }, &l));
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

    assert_ok(lockout_new(*state, KEY_FILE, rule, &l));
    for (int i = 0; i < 3; i++)
        attempt(l, "ann", 1000, LOCKOUT_FAILED);
    assert_ok(lockout_enter(l, SPAN("other"), SPAN("ann"), 1000, &wait));
    assert_int_equal(wait, 0);
    assert_ok(lockout_enter(l, SPAN("defaul"), SPAN("tann"), 1000, &wait)); /* L48 */
    assert_int_equal(wait, 0);
}

/* A restart forgets nothing, and two over one store count together. */
static void it_is_the_store_that_counts(void **state)
{
    owned(lockout_free) struct lockout *first = NULL, *second = NULL, *other_key = NULL;

    assert_ok(lockout_new(*state, KEY_FILE, rule, &first));
    assert_ok(lockout_new(*state, KEY_FILE, rule, &second));
    attempt(first, "ann", 1000, LOCKOUT_FAILED);
    attempt(second, "ann", 1000, LOCKOUT_FAILED);
    attempt(first, "ann", 1000, LOCKOUT_FAILED);
    assert_int_equal(attempt(second, "ann", 1001, LOCKOUT_GOOD), 49);
    lockout_free(first);
    first = NULL;
    assert_ok(lockout_new(*state, KEY_FILE, rule, &first));
    assert_int_equal(attempt(first, "ann", 1002, LOCKOUT_GOOD), 48);
    assert_ok(file_write(KEY_FILE, SPAN("too short"), 0600));
    assert_fails(lockout_new(*state, KEY_FILE, rule, &other_key), FAIL_INPUT);
}

/* 50 seconds, then 100, then 150, the longest; a good login, or long quiet, begins anew. */
static void each_lock_is_longer(void **state)
{
    static const unsigned longer[] = { 50, 100, 150, 150 };
    owned(lockout_free) struct lockout *l = NULL;
    int64_t now = 1000;

    assert_ok(lockout_new(*state, KEY_FILE, rule, &l));
    for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++) {
        for (int j = 0; j < 3; j++)
            assert_int_equal(attempt(l, "ann", now, LOCKOUT_FAILED), 0);
        assert_int_equal(attempt(l, "ann", now, LOCKOUT_GOOD), longer[i]);
        now += longer[i];
    }
    assert_int_equal(attempt(l, "ann", now, LOCKOUT_GOOD), 0);
    for (int j = 0; j < 3; j++)
        attempt(l, "ann", now, LOCKOUT_FAILED);
    assert_int_equal(attempt(l, "ann", now, LOCKOUT_GOOD), 50);
    now += 1000;
    for (int j = 0; j < 3; j++)
        attempt(l, "ann", now, LOCKOUT_FAILED);
    assert_int_equal(attempt(l, "ann", now, LOCKOUT_GOOD), 50);
}

/* The process of an attempt may end before the attempt does. */
static void an_attempt_that_never_ended_has_failed(void **state)
{
    owned(lockout_free) struct lockout *l = NULL;
    unsigned wait = 9;

    assert_ok(lockout_new(*state, KEY_FILE, (struct lockout_rule){ 3, 1000, 1000, 1000 }, &l));
    for (int i = 0; i < 3; i++)
        assert_ok(lockout_enter(l, TENANT, SPAN("ann"), 1000, &wait));
    assert_int_equal(wait, 0);
    assert_int_equal(attempt(l, "ann", 1000 + LOCKOUT_STALE, LOCKOUT_GOOD), 1);
    assert_int_equal(attempt(l, "ann", 1001 + LOCKOUT_STALE, LOCKOUT_GOOD),
                     1000 - 1 - LOCKOUT_STALE);
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
        cmocka_unit_test_setup_teardown(locks_after_failures_within_the_window, setup, teardown),
        cmocka_unit_test_setup_teardown(success_and_time_forget, setup, teardown),
        cmocka_unit_test_setup_teardown(concurrent_attempts_gain_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(flood_keeps_locked_names, setup, teardown),
        cmocka_unit_test_setup_teardown(tenants_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_the_store_that_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(each_lock_is_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(an_attempt_that_never_ended_has_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(gate_turns_the_surplus_away, setup, teardown),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
