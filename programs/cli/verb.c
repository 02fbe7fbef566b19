// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

static void print_verbs(FILE *out, const char *parent, const char *summary,
                        const struct verb *table)
{
    fprintf(out, "%s: %s\n\nUsage: %s VERB [OPTION...]\n\n", parent, summary, parent);
    for (const struct verb *v = table; v->name; v++)
        fprintf(out, "  %-16s %s\n", v->name, v->summary);
    fprintf(out, "\n'%s VERB --help' says more of each.\n", parent);
}

int verb_dispatch(const char *parent, const char *summary, const struct verb *table, int argc,
                  char **argv)
{
    if (argc < 2) {
        print_verbs(stderr, parent, summary, table);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_verbs(stdout, parent, summary, table);
        return EXIT_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("warder %s\n", WARDER_VERSION);
        return EXIT_OK;
    }
    for (const struct verb *v = table; v->name; v++)
        if (!strcmp(argv[1], v->name))
            return v->run(argc - 1, argv + 1);
    fprintf(stderr, "%s: no such verb: %.64s; '%s --help' lists them\n", parent, argv[1], parent);
    return EXIT_USAGE;
}

bool verb_options(int argc, char **argv, const struct option_row *rows,
                  const struct command_help *help, int count, const char **operands,
                  int *exit_status)
{
    int rest = 0;

    switch (options_parse(argc, argv, rows, help, &rest)) {
    case OPTIONS_DONE:
        *exit_status = EXIT_OK;
        return false;
    case OPTIONS_USAGE:
        *exit_status = EXIT_USAGE;
        return false;
    case OPTIONS_GO:
        break;
    }
    if (argc - rest != count) {
        fprintf(stderr, "usage: %s [OPTION...]%s%s\n  '%s --help' says more\n", help->name,
                *help->arguments ? " " : "", help->arguments, help->name);
        *exit_status = EXIT_USAGE;
        return false;
    }
    for (int i = 0; i < count; i++)
        operands[i] = argv[rest + i];
    return true;
}

static int exit_of(uint32_t kind)
{
    switch ((enum fail_kind)kind) {
    case FAIL_NONE:
        return EXIT_OK;
    case FAIL_DENIED:
        return EXIT_DENIED;
    case FAIL_UPSTREAM:
        return EXIT_UNAVAILABLE;
    case FAIL_INPUT:
    case FAIL_ABSENT:
    case FAIL_CONFLICT:
    case FAIL_LIMIT:
    case FAIL_SYSTEM:
        return EXIT_ERROR;
    }
    return EXIT_ERROR;
}

int print_failure(struct err e, const char *what, const char *hint)
{
    fprintf(stderr, "warder: %s: %s\n", what, e.what ? e.what : "failed");
    if (hint)
        fprintf(stderr, "  %s\n", hint);
    return exit_of(e.kind);
}
