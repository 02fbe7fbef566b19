// SPDX-License-Identifier: Apache-2.0
/* Changes that wait for a second person. */
#ifndef CLI_PENDING_H
#define CLI_PENDING_H

#include "cli/cli.h"

int pending_list(int argc, char **argv);
int pending_approve(int argc, char **argv);
int pending_reject(int argc, char **argv);
/* `before` + ID + `after`; EXIT_USAGE where the ID cannot stand in a path. */
int pending_path(const char *before, const char *id, const char *after, struct buf *out);

#endif
