// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/options.h"

struct values {
    char *listen, *store;
    uint64_t port;
    bool quick;
};

static void values_donep(struct values *v)
{
    free(v->listen);
    free(v->store);
}

#define ROWS(v)                                                                                                        \
    {                                                                                                                  \
        { "server", "listen", OPTION_TEXT, &(v)->listen, "address" },                                                  \
        { "server", "port", OPTION_NUMBER, &(v)->port, "TCP port" },                                                   \
        { "server", "quick", OPTION_FLAG, &(v)->quick, NULL },                                                         \
        { "keys", "store", OPTION_TEXT, &(v)->store, "folder" },                                                       \
        { 0 },                                                                                                         \
    }

static void whole_file(void **state)
{
    (void)state;
    struct values v owned(values_done) = { .listen = strdup("default"), .port = 1 };
    const struct setting rows[] = ROWS(&v);
    char *message owned(free) = NULL;

    assert_false(failed(settings_parse(SPAN("# note\n\n[server]\nlisten = 127.0.0.1:80 # not a comment\n\tport=8443\r\n quick =yes\n"
                                            "[keys]\nstore=/var/lib/a = b\n[ server ]\n"),
                                       "x.conf", rows, &message)));
    assert_string_equal(v.listen, "127.0.0.1:80 # not a comment");
    assert_int_equal(v.port, 8443);
    assert_true(v.quick);
    assert_string_equal(v.store, "/var/lib/a = b");
    assert_false(failed(settings_parse(SPAN("[keys]\nstore =\n[server]\nquick = false"), "x.conf", rows, &message)));
    assert_null(v.store); /* empty is none */
    assert_false(v.quick);
    assert_int_equal(v.port, 8443);
}

static void complaints_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "listen = x\n", "x.conf:1: key outside of any section: listen" },
        { "[server]\nlsten = x\n", "x.conf:2: unknown key: lsten" },
        { "[server]\n\nstore = x\n", "x.conf:3: unknown key: store" },
        { "[sever]\n", "x.conf:1: unknown section: [sever]" },
        { "[server\n", "x.conf:1: bad section line: [server" },
        { "[]\n", "x.conf:1: bad section line: []" },
        { "[server]\nport = 1\nport = 1\n", "x.conf:3: key given twice: port" },
        { "[server]\nport = 1\n[keys]\n[server]\nport = 2", "x.conf:5: key given twice: port" },
        { "[server]\nport = -1\n", "x.conf:2: must be a number: port" },
        { "[server]\nport = 0x10\n", "x.conf:2: must be a number: port" },
        { "[server]\nport = 18446744073709551616\n", "x.conf:2: must be a number: port" },
        { "[server]\nport =\n", "x.conf:2: must be a number: port" },
        { "[server]\nquick = maybe\n", "x.conf:2: must be yes or no: quick" },
        { "[server]\nquick\n", "x.conf:2: neither a section nor key = value: quick" },
        { "[server]\nlisten = a\x01\n", "x.conf:2: control character: listen = a?" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct values v owned(values_done) = { .listen = strdup("kept"), .port = 7 };
        const struct setting table[] = ROWS(&v);
        char *message owned(free) = NULL;

        assert_int_equal(settings_parse(span_str(rows[i].text), "x.conf", table, &message).kind, FAIL_INPUT);
        assert_string_equal(message, rows[i].message);
    }
}

/* A bad line at the end leaves every value as it was. */
static void bad_file_changes_nothing(void **state)
{
    (void)state;
    struct values v owned(values_done) = { .listen = strdup("kept"), .port = 7 };
    const struct setting rows[] = ROWS(&v);
    char *message owned(free) = NULL;

    assert_true(failed(settings_parse(SPAN("[server]\nlisten = new\nport = 9\nbad\n"), "x.conf", rows, &message)));
    assert_string_equal(v.listen, "kept");
    assert_int_equal(v.port, 7);
    char *absent owned(free) = NULL;
    assert_int_equal(settings_load("/nonexistent/x.conf", rows, &absent).kind, FAIL_ABSENT);
    assert_string_equal(absent, "/nonexistent/x.conf: no such file");
}

static void shown_file_reads_back(void **state)
{
    (void)state;
    struct values v owned(values_done) = { .listen = strdup("here"), .port = UINT64_MAX, .quick = true }, w owned(values_done) = { 0 };
    const struct setting rows[] = ROWS(&v), again[] = ROWS(&w);
    char *text owned(free) = NULL, *message owned(free) = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    settings_show(rows, f);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(text, "[server]\n# address\nlisten = here\n# TCP port\nport = 18446744073709551615\nquick = yes\n\n[keys]\n# folder\nstore =\n");
    assert_false(failed(settings_parse(span_str(text), "shown", again, &message)));
    assert_string_equal(w.listen, "here");
    assert_true(w.port == UINT64_MAX && w.quick && !w.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_file),
        cmocka_unit_test(complaints_name_file_and_line),
        cmocka_unit_test(bad_file_changes_nothing),
        cmocka_unit_test(shown_file_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
