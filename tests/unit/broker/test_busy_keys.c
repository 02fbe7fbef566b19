// SPDX-License-Identifier: Apache-2.0
#include "broker/busy_keys.h"

#include <stdio.h>

#include "unit.h"

static void each_is_busy_once(void **state)
{
    struct busy_keys b = { 0 };
    (void)state;
    assert_ok(busy_keys_begin(&b, "one"));
    assert_fails(busy_keys_begin(&b, "one"), FAIL_CONFLICT);
    assert_ok(busy_keys_begin(&b, "two"));
    busy_keys_end(&b, "one");
    assert_fails(busy_keys_begin(&b, "two"), FAIL_CONFLICT);
    assert_ok(busy_keys_begin(&b, "one"));
}

static void they_are_bounded(void **state)
{
    struct busy_keys b = { 0 };
    char id[UUID_TEXT_SIZE];
    (void)state;
    for (int i = 0; i < BUSY_KEYS_MAX; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_ok(busy_keys_begin(&b, id));
    }
    assert_fails(busy_keys_begin(&b, "more"), FAIL_LIMIT);
    assert_fails(busy_keys_begin(&b, "7"), FAIL_CONFLICT);
    busy_keys_end(&b, "7");
    assert_ok(busy_keys_begin(&b, "more"));
    busy_keys_end(&b, "none of them");
    assert_fails(busy_keys_begin(&b, "again"), FAIL_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_busy_once),
        cmocka_unit_test(they_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
