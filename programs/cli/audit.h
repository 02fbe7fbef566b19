// SPDX-License-Identifier: Apache-2.0
/* The verb of `warder audit` that has a file of its own. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "cli/cli.h"

int audit_verify(int argc, char **argv);

#endif
