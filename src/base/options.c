// SPDX-License-Identifier: Apache-2.0
#include "base/options.h"

#include <inttypes.h>

#include "base/number_internal.h"

const char *options_env(const char *name)
{
    return getenv(name);
}

static void print_row(const struct option_row *row)
{
    char left[64];
    char letter[8] = "    ";

    if (row->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
    (void)snprintf(left, sizeof left, "  %s--%s%s%s", letter, row->name, row->argument ? " " : "",
                   row->argument ? row->argument : "");
    printf("%-32s %s\n", left, row->help);
}

static const struct option_row *find_long(const struct option_row *rows, struct span name)
{
    for (; rows->name; rows++) {
        if (span_equal_str(name, rows->name))
            return rows;
    }
    return NULL;
}

static void print_help(const struct option_row *rows, const struct command_help *help)
{
    static const struct option_row own[] = {
        { "help", 'h', OPTION_FLAG, NULL, "show this and exit", NULL },
        { "version", 0, OPTION_FLAG, NULL, "show the version and exit", NULL },
        { 0 },
    };

    printf("Usage: %s [OPTION]...%s%s\n%s\n\n", help->name, help->arguments ? " " : "",
           help->arguments ? help->arguments : "", help->summary);
    for (const struct option_row *row = rows; row->name; row++)
        print_row(row);
    for (const struct option_row *row = own; row->name; row++)
        if (!find_long(rows, span_str(row->name)))
            print_row(row);
    if (help->details)
        printf("\n%s\n", help->details);
}

static enum options_result usage_error(const struct command_help *help, const char *problem,
                                       struct span subject)
{
    fprintf(stderr, "%s: %s %.*s\nTry '%s --help'.\n", help->name, problem, (int)subject.len,
            (const char *)subject.at, help->name);
    return OPTIONS_USAGE;
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
    for (; rows->name; rows++) {
        if (rows->letter == letter)
            return rows;
    }
    return NULL;
}

static bool store(const struct option_row *row, const char *value)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->value = true;
        return value == NULL;
    case OPTION_TEXT:
        *(const char **)row->value = value;
        return true;
    case OPTION_NUMBER:
        return number_parse(span_str(value), row->value);
    }
    return false;
}

struct arguments {
    int count, next;
    char **at;
    const struct option_row *rows;
    const struct command_help *help;
};

/* `value` is what followed "=" or the letter, NULL for none; then an option that wants one takes
 * the next argument. */
static enum options_result take_option(struct arguments *a, const struct option_row *row,
                                       const char *value, struct span given)
{
    if (!row)
        return usage_error(a->help, "unknown option", given);
    if (row->kind != OPTION_FLAG && !value) {
        if (a->next >= a->count)
            return usage_error(a->help, "missing argument of", given);
        value = a->at[a->next++];
    }
    return store(row, value) ? OPTIONS_GO : usage_error(a->help, "bad argument of", given);
}

static enum options_result take_long(struct arguments *a, const char *text)
{
    struct span name = span_str(text + 2);
    size_t equals = span_find(name, SPAN("="));
    const char *value = equals < name.len ? text + 2 + equals + 1 : NULL;

    name = span_head(name, equals);
    if (span_equal_str(name, "help")) {
        print_help(a->rows, a->help);
        return OPTIONS_DONE;
    }
    if (span_equal_str(name, "version") && !find_long(a->rows, name)) {
        printf("%s %s\n", a->help->name, WARDER_VERSION);
        return OPTIONS_DONE;
    }
    return take_option(a, find_long(a->rows, name), value, span_str(text));
}

static enum options_result take_letters(struct arguments *a, const char *text)
{
    for (const char *at = text + 1; *at; at++) {
        const struct option_row *row = find_letter(a->rows, *at);

        if (!row && *at == 'h') {
            print_help(a->rows, a->help);
            return OPTIONS_DONE;
        }
        bool wants_value = row && row->kind != OPTION_FLAG;
        enum options_result r =
            take_option(a, row, wants_value && at[1] ? at + 1 : NULL, span_str(text));
        if (r != OPTIONS_GO || wants_value)
            return r;
    }
    return OPTIONS_GO;
}

/* Operands move behind the options, in their order. */
enum options_result options_parse(int argc, char **argv, const struct option_row *rows,
                                  const struct command_help *help, int *rest)
{
    struct arguments a = { .count = argc, .next = 1, .at = argv, .rows = rows, .help = help };
    int operands = 0; /* they are gathered right before a.next */

    while (a.next < argc) {
        char *text = argv[a.next];
        int from = a.next;

        if (text[0] != '-' || text[1] == 0) {
            a.next++;
            operands++;
            continue;
        }
        a.next++;
        bool ends = strcmp(text, "--") == 0;
        enum options_result r = ends             ? OPTIONS_GO
                                : text[1] == '-' ? take_long(&a, text)
                                                 : take_letters(&a, text);
        if (r != OPTIONS_GO)
            return r;
        for (int i = from; operands > 0 && i < a.next; i++) {
            char *option = argv[i];

            memmove(&argv[i - operands + 1], &argv[i - operands], (size_t)operands * sizeof *argv);
            argv[i - operands] = option;
        }
        if (ends)
            break;
    }
    *rest = a.next - operands;
    return OPTIONS_GO;
}
