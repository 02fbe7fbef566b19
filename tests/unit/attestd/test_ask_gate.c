// SPDX-License-Identifier: Apache-2.0
#include "attestd/ask_gate.h"
#include "unit.h"

#define SECOND 1000000LL

static void test_budget(void **state)
{
    owned(ask_gate_free) struct ask_gate *g = NULL;
    unsigned seconds = 0;
    int64_t now = 5 * SECOND;
    (void)state;
    assert_ok(ask_gate_new(4, &g));
    for (int i = 0; i < 4; i++)
        assert_true(ask_gate_admits(g, now, &seconds));
    assert_false(ask_gate_admits(g, now, &seconds));
    assert_int_equal(seconds, 16); /* a quarter of a minute, and what rounding takes */
    assert_false(ask_gate_admits(g, now + 14 * SECOND, &seconds));
    assert_int_equal(seconds, 2);
    assert_true(ask_gate_admits(g, now + 15 * SECOND, &seconds));
    assert_false(ask_gate_admits(g, now + 15 * SECOND, &seconds));
    now += 3600 * SECOND; /* an hour saves up no more than a minute does */
    for (int i = 0; i < 4; i++)
        assert_true(ask_gate_admits(g, now, &seconds));
    assert_false(ask_gate_admits(g, now, &seconds));
    assert_false(ask_gate_admits(g, now - 1000 * SECOND, &seconds)); /* a clock that goes back */
    assert_true(ask_gate_admits(NULL, now, &seconds));
}

static void test_memory(void **state)
{
    owned(ask_gate_free) struct ask_gate *g = NULL;
    int answer = 0;
    (void)state;
    assert_ok(ask_gate_new(4, &g));
    assert_false(ask_gate_recall(g, SPAN("a"), 10, &answer));
    ask_gate_note(g, SPAN("a"), 7, 2, 10);
    assert_true(ask_gate_recall(g, SPAN("a"), 10 + SECOND, &answer));
    assert_int_equal(answer, 7);
    assert_false(ask_gate_recall(g, SPAN("b"), 10 + SECOND, &answer));
    assert_false(ask_gate_recall(g, SPAN("a"), 10 + 2 * SECOND, &answer));
    assert_false(ask_gate_recall(NULL, SPAN("a"), 10, &answer));
    ask_gate_note(NULL, SPAN("a"), 7, 2, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_budget), cmocka_unit_test(test_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
