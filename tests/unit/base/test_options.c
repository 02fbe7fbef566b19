// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/options.h"

static bool verbose, all;
static const char *output;
static uint64_t count;

static const struct option_row rows[] = {
    { "verbose", 'v', OPTION_FLAG, NULL, "say more", &verbose },
    { "all", 'a', OPTION_FLAG, NULL, "everything", &all },
    { "output", 'o', OPTION_TEXT, "FILE", "where to", &output },
    { "count", 0, OPTION_NUMBER, "N", "how many", &count },
    { 0 },
};
static const struct command_help help = { "prog", "FILE...", "Does things.", NULL };

/* Runs one command line, given as words up to NULL. */
static enum options_result run(const char **words, int *argc, int *rest)
{
    verbose = all = false;
    output = NULL;
    count = 0;
    *argc = 0;
    while (words[*argc])
        (*argc)++;
    *rest = -1;
    return options_parse(*argc, (char **)words, rows, &help, rest);
}

static void forms(void **state)
{
    (void)state;
    int argc, rest;

    assert_int_equal(run((const char *[]){ "prog", "-v", "--output", "a", "--count=12", NULL }, &argc, &rest), OPTIONS_GO);
    assert_true(verbose && !all && count == 12 && rest == argc);
    assert_string_equal(output, "a");
    assert_int_equal(run((const char *[]){ "prog", "-vao", "b", NULL }, &argc, &rest), OPTIONS_GO);
    assert_true(verbose && all);
    assert_string_equal(output, "b");
    assert_int_equal(run((const char *[]){ "prog", "-ofile", "--output=", NULL }, &argc, &rest), OPTIONS_GO);
    assert_string_equal(output, "");
    assert_int_equal(run((const char *[]){ "prog", NULL }, &argc, &rest), OPTIONS_GO);
    assert_int_equal(rest, 1);
}

static void operands_keep_their_order(void **state)
{
    (void)state;
    int argc, rest;
    const char *words[] = { "prog", "one", "-o", "x", "two", "-", "--verbose", "--", "-a", "--what", NULL };

    assert_int_equal(run(words, &argc, &rest), OPTIONS_GO);
    assert_true(verbose && !all);
    assert_string_equal(output, "x");
    static const char *const wanted[] = { "one", "two", "-", "-a", "--what" };
    assert_int_equal(argc - rest, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(words[rest + i], wanted[i]);
}

static void usage_errors(void **state)
{
    (void)state;
    int argc, rest;

    assert_int_equal(run((const char *[]){ "prog", "--what", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(run((const char *[]){ "prog", "-x", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(run((const char *[]){ "prog", "--output", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(run((const char *[]){ "prog", "-o", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(run((const char *[]){ "prog", "--count=1x", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(run((const char *[]){ "prog", "--count", "-1", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(run((const char *[]){ "prog", "--verbose=yes", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(run((const char *[]){ "prog", "--outp=x", NULL }, &argc, &rest), OPTIONS_USAGE);
    assert_int_equal(rest, -1);
}

static void help_and_version(void **state)
{
    (void)state;
    int argc, rest;

    assert_int_equal(run((const char *[]){ "prog", "--help", NULL }, &argc, &rest), OPTIONS_DONE);
    assert_int_equal(run((const char *[]){ "prog", "-h", NULL }, &argc, &rest), OPTIONS_DONE);
    assert_int_equal(run((const char *[]){ "prog", "x", "--version", NULL }, &argc, &rest), OPTIONS_DONE);
    assert_int_equal(run((const char *[]){ "prog", "--", "--help", NULL }, &argc, &rest), OPTIONS_GO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(operands_keep_their_order),
        cmocka_unit_test(usage_errors),
        cmocka_unit_test(help_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
