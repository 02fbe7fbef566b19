// SPDX-License-Identifier: Apache-2.0
/* warder dev: the whole system on one machine. */
#include "cli/cli.h"

int cli_dev(int argc, char **argv)
{
    static const struct verb verbs[] = { { 0 } };
    return verb_dispatch("warder dev", "the whole system on this machine, for development", verbs, argc, argv);
}
