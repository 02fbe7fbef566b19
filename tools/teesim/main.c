// SPDX-License-Identifier: Apache-2.0
/*
 * teesim: a TEE platform and its vendor, simulated: genuine formats, its own root of trust. For
 * development and tests; in no product package, and no product code knows of it but through
 * configuration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "teesim/run.h"

static const struct verb {
    const char *name, *help;
    int (*main)(int argc, char **argv);
} verbs[] = {
    { "run", "serve a platform's interfaces until SIGTERM", verb_run },
    { "quote", "write one quote", verb_quote },
    { "collateral", "write the platform's collateral", verb_collateral },
    { "scenario", "change the scenario of a running simulator", verb_scenario },
    { "control", "send an object to a running simulator", verb_control },
    { "measurement", "print the default measurement", verb_measurement },
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_help(FILE *out)
{
    fprintf(out, "usage: teesim VERB [OPTION]...\nTEE simulator for development and tests.\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].help);
    fprintf(out, "\n\"teesim VERB --help\" shows a verb's options.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "--version") == 0) {
        printf("teesim %s\n", WARDER_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(name, verbs[i].name) == 0)
            return verbs[i].main(argc - 1, argv + 1);
    print_help(stderr);
    return 2;
}
