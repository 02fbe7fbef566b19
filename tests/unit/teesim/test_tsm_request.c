// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "teesim/tsm_request.h"

static struct platform *platform;

static void assert_text(struct tsm_requests *all, enum tsm_attribute a, const char *expected)
{
    struct buf out owned(buf_done) = buf_of(64);

    assert_int_equal(tsm_request_read(all, "r", a, &out), 0);
    assert_string_equal(buf_str(&out), expected);
}

static void a_request_answers_its_report_data(void **state)
{
    (void)state;
    struct tsm_requests *all = tsm_requests_new(platform);
    struct buf first owned(buf_done) = buf_of(FORGE_QUOTE_MAX), again owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    struct buf other owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    uint8_t data[64];

    memset(data, 9, sizeof data);
    assert_int_equal(tsm_request_make(all, "r"), 0);
    assert_text(all, TSM_PROVIDER, "tdx_guest\n");
    assert_text(all, TSM_GENERATION, "0\n");
    assert_int_equal(tsm_request_read(all, "r", TSM_OUTBLOB, &first), EINVAL);
    assert_int_equal(tsm_request_write(all, "r", TSM_INBLOB, SPAN_OF(data), 0), 0);
    assert_text(all, TSM_GENERATION, "1\n");
    assert_int_equal(tsm_request_read(all, "r", TSM_OUTBLOB, &first), 0);
    assert_memory_equal(first.at + 48 + AT_TD_REPORT_DATA, data, 64);
    assert_int_equal(tsm_request_read(all, "r", TSM_OUTBLOB, &again), 0);
    assert_true(span_equal(buf_span(&first), buf_span(&again)));
    assert_text(all, TSM_AUXBLOB, "");

    data[0] = 1;
    assert_int_equal(tsm_request_write(all, "r", TSM_INBLOB, SPAN_OF(data), 0), 0);
    assert_int_equal(tsm_request_write(all, "r", TSM_PRIVLEVEL, SPAN("0\n"), 0), 0);
    assert_text(all, TSM_GENERATION, "3\n");
    assert_int_equal(tsm_request_read(all, "r", TSM_OUTBLOB, &other), 0);
    assert_memory_equal(other.at + 48 + AT_TD_REPORT_DATA, data, 64);
    tsm_requests_free(all);
}

static void wrong_writes_are_refused(void **state)
{
    (void)state;
    static const uint8_t data[65] = { 0 };
    struct tsm_requests *all = tsm_requests_new(platform);
    const struct {
        enum tsm_attribute attribute;
        struct span bytes;
        size_t offset;
        int expected;
    } rows[] = {
        { TSM_INBLOB, SPAN_OF(data), 0, EINVAL },           { TSM_INBLOB, span_from(data, 1), 1, EINVAL },
        { TSM_INBLOB, span_from(data, 1), SIZE_MAX, EINVAL }, { TSM_PRIVLEVEL, SPAN("4"), 0, EINVAL },
        { TSM_PRIVLEVEL, SPAN(""), 0, EINVAL },             { TSM_PRIVLEVEL, SPAN("0 "), 0, EINVAL },
        { TSM_OUTBLOB, SPAN("x"), 0, EACCES },              { TSM_GENERATION, SPAN("1"), 0, EACCES },
        { TSM_INBLOB, span_from(data, 32), 0, 0 },          { TSM_INBLOB, span_from(data, 32), 32, 0 },
        { TSM_INBLOB, span_from(data, 1), 64, EINVAL },
    };

    assert_int_equal(tsm_request_make(all, "r"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(tsm_request_write(all, "r", rows[i].attribute, rows[i].bytes, rows[i].offset), rows[i].expected);
    assert_text(all, TSM_GENERATION, "2\n");
    tsm_requests_free(all);
}

static void folders_come_and_go_within_bounds(void **state)
{
    (void)state;
    struct tsm_requests *all = tsm_requests_new(platform);
    struct buf out owned(buf_done) = buf_of(64);
    char name[TSM_NAME_MAX + 1];

    assert_int_equal(tsm_request_remove(all, "r"), ENOENT);
    assert_int_equal(tsm_request_make(all, "r"), 0);
    assert_int_equal(tsm_request_make(all, "r"), EEXIST);
    assert_int_equal(tsm_request_remove(all, "r"), 0);
    assert_false(tsm_request_exists(all, "r"));
    assert_int_equal(tsm_request_read(all, "r", TSM_PROVIDER, &out), ENOENT);
    assert_int_equal(tsm_request_remove(all, ""), ENOENT);
    memset(name, 'n', TSM_NAME_MAX);
    name[TSM_NAME_MAX] = 0;
    assert_int_equal(tsm_request_make(all, name), ENAMETOOLONG);
    for (int i = 0; i < TSM_REQUESTS_MAX; i++) {
        snprintf(name, sizeof name, "r%d", i);
        assert_int_equal(tsm_request_make(all, name), 0);
    }
    assert_int_equal(tsm_request_make(all, "one more"), ENOSPC);
    assert_int_equal(tsm_request_remove(all, "r17"), 0);
    assert_int_equal(tsm_request_make(all, "one more"), 0);
    tsm_requests_free(all);
}

static int open_platform(void **state)
{
    (void)state;
    struct platform_config config = { .tee = FORGE_TDX4 };
    return failed(platform_open(&config, &platform)) ? -1 : 0;
}

static int close_platform(void **state)
{
    (void)state;
    platform_close(platform);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_answers_its_report_data),
        cmocka_unit_test(wrong_writes_are_refused),
        cmocka_unit_test(folders_come_and_go_within_bounds),
    };
    return cmocka_run_group_tests(tests, open_platform, close_platform);
}
