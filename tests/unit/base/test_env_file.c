// SPDX-License-Identifier: Apache-2.0
#include "base/env_file.h"

#include <stddef.h>
#include <stdlib.h>

#include "unit.h"

struct taken {
    char *text, *name;
    uint16_t port;
};

static const struct env_key keys[] = {
    { "TEXT", offsetof(struct taken, text), env_take_text },
    { "NAME", offsetof(struct taken, name), env_take_name },
    { "PORT", offsetof(struct taken, port), env_take_port },
};

static struct err parse(const char *text, struct taken *t, unsigned *line)
{
    *t = (struct taken){ 0 };
    return env_file_parse(span_str(text), keys, 3, t, line);
}

static void done(struct taken *t)
{
    free(t->text);
    free(t->name);
}

static void test_a_whole_file(void **state)
{
    (void)state;
    struct taken t;
    unsigned line = 9;

    assert_ok(
        parse("# of a broker\n\nTEXT=\"KBS TLS Certificate\"\r\n  NAME = kbs.example \nPORT=9443",
              &t, &line));
    assert_string_equal(t.text, "KBS TLS Certificate");
    assert_string_equal(t.name, "kbs.example");
    assert_int_equal(t.port, 9443);
    assert_int_equal(line, 0);
    done(&t);
}

static void test_lines_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
    } rows[] = {
        { "TEXT", 1 },
        { "=x", 1 },
        { "TEXT=", 1 },
        { "TEXT=\"\"", 1 },
        { "TEXT=a\"b", 1 },
        { "TEXT='a'", 1 },
        { "TEXT=\x01", 1 },
        { "TEXT=\xc3\xa4", 1 },
        { "NAME=a b", 1 },
        { "PORT=0", 1 },
        { "PORT=65536", 1 },
        { "PORT=1x", 1 },
        { "text=a", 1 },
        { "OTHER=a", 1 },
        { "TEXT=a\nTEXT=a", 2 },
        { "export TEXT=a", 1 },
        { "TEXT=a\n\n#\nPORT=-1", 4 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct taken t;
        unsigned line = 0;
        if (!failed(parse(rows[i].text, &t, &line)))
            fail_msg("taken: %s", rows[i].text);
        assert_int_equal(line, rows[i].line);
        done(&t);
    }
}

/* Nothing of a shell. */
static void test_values_are_text(void **state)
{
    (void)state;
    struct taken t;
    unsigned line;

    assert_ok(parse("TEXT=$(id)`id`;$HOME #x", &t, &line));
    assert_string_equal(t.text, "$(id)`id`;$HOME #x");
    done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_file),
        cmocka_unit_test(test_lines_that_are_refused),
        cmocka_unit_test(test_values_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
