// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "broker/resource_path.h"

static void names(void **state)
{
    (void)state;
    static const char *const good[] = { "a/b/c", "default/key/1", "A-Z_0/x.y.z/_", "-/-/-" };
    static const char *const bad[] = {
        "",       "a",       "a/b",          "a/b/c/d", "//",       "a//c",
        "/a/b/c", "a/b/c/",  ".a/b/c",       "a/.b/c",  "a/b/..",   "a b/c/d",
        "a/b/c?", "a/b/%2e", "a/b/\xc3\xa4", "a/b/c\n", "a\\b/c/d", "a/b/c d",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!resource_path_valid(span_str(good[i])))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (resource_path_valid(span_str(bad[i])))
            fail_msg("%s is taken", bad[i]);
    assert_false(resource_path_valid(SPAN("a/b/c\0")));
}

static void length(void **state)
{
    (void)state;
    struct buf path owned(buf_done) = buf_of(1024);
    buf_add_str(&path, "a/b/");
    while (path.len < RESOURCE_PATH_MAX)
        buf_add_u8(&path, 'c');
    assert_true(resource_path_valid(buf_span(&path)));
    buf_add_u8(&path, 'c');
    assert_false(resource_path_valid(buf_span(&path)));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(length) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
