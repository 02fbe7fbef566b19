// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

static int saved = -1, reader_end_fd = -1;

static void capture(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reader_end_fd = ends[0];
}

static struct span captured(void)
{
    static char text[32768];

    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t len = read(reader_end_fd, text, sizeof text);
    close(reader_end_fd);
    return span_from(text, len > 0 ? (size_t)len : 0);
}

static void one_json_object_a_line(void **state)
{
    (void)state;
    json_t *j owned(json_free) = NULL;
    struct span s = { 0 };

    log_start("warder-test", LOG_INFO);
    capture();
    log_info("key \"released\"\n", "key", "a\\b\x01\xc3\xa9", "none", (const char *)NULL, "tenant",
             "t");
    struct span line = captured();
    assert_int_equal(span_find(line, SPAN("\n")), line.len - 1);
    assert_false(failed(json_parse_object(line, &j)));
    assert_false(failed(json_get_str(j, "message", "m", &s)));
    assert_true(span_equal_str(s, "key \"released\"\n"));
    assert_false(failed(json_get_str(j, "program", "m", &s)));
    assert_true(span_equal_str(s, "warder-test"));
    assert_false(failed(json_get_str(j, "level", "m", &s)));
    assert_true(span_equal_str(s, "info"));
    assert_true(failed(json_get_str(j, "none", "m", &s)));
    assert_false(failed(json_get_str(j, "tenant", "m", &s)));
}

static void a_copy_as_text(void **state)
{
    (void)state;
    char path[] = "/tmp/warder-log.XXXXXX/log";
    struct buf text owned(buf_done) = buf_of(4096);

    *strrchr(path, '/') = '\0';
    assert_non_null(mkdtemp(path));
    path[strlen(path)] = '/';
    assert_true(failed(log_copy_to("/nowhere/at/all")));
    assert_false(failed(log_copy_to(path)));
    struct err e = FAIL(INPUT, "no");
    e.at = 3;
    capture();
    log_info("Vault Address: http://127.0.0.1:8200");
    log_err(e, "refused\n", "key", "a \"b\"\n");
    assert_int_equal(captured().at[0], '{');
    assert_false(failed(file_read(path, &text)));
    char *first = (char *)buf_str(&text), *second = strchr(first, '\n') + 1;
    assert_memory_equal(first, "INFO[20", 7);
    assert_non_null(
        strstr(first, "Z warder-test]: Vault Address: http://127.0.0.1:8200; name=default\nERRO["));
    assert_non_null(strstr(second,
                           "]: refused\\u000a; name=default kind=\"input\" what=\"no\" at=3 "
                           "key=\"a \\\"b\\\"\\u000a\"\n"));
    unlink(path);
    assert_int_equal(symlink("/tmp/warder-log-elsewhere", path), 0); /* who may write in the folder
                                                                        sends us nowhere else */
    assert_true(failed(log_copy_to(path)));
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

static void failures_and_levels(void **state)
{
    (void)state;
    json_t *j owned(json_free) = NULL;
    struct span s = { 0 };
    uint64_t at = 0;
    struct err e = FAIL(LIMIT, "too long");

    e.at = 17;
    capture();
    log_event(LOG_DEBUG, "unseen", NULL);
    log_err(e, "refused", "id", "7");
    struct span line = captured();
    assert_false(failed(json_parse_object(line, &j)));
    assert_false(failed(json_get_str(j, "kind", "k", &s)));
    assert_true(span_equal_str(s, "limit"));
    assert_false(failed(json_get_str(j, "what", "k", &s)));
    assert_true(span_equal_str(s, "too long"));
    assert_false(failed(json_get_u64(j, "at", 100, "at", &at)));
    assert_int_equal(at, 17);
}

/* A peer's long value is cut; it cannot push out a line or break one. */
static void values_are_capped(void **state)
{
    (void)state;
    char value[5000];
    json_t *j owned(json_free) = NULL;
    struct span s = { 0 };

    memset(value, '\n', sizeof value - 1);
    value[sizeof value - 1] = 0;
    capture();
    log_warn("long", "value", value);
    struct span line = captured();
    assert_false(failed(json_parse_object(line, &j)));
    assert_false(failed(json_get_str(j, "value", "v", &s)));
    assert_int_equal(s.len, LOG_VALUE_MAX + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_json_object_a_line),
        cmocka_unit_test(failures_and_levels),
        cmocka_unit_test(a_copy_as_text),
        cmocka_unit_test(values_are_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
