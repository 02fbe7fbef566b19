// SPDX-License-Identifier: Apache-2.0
/*
 * The parent: no network, no parsing. It makes the channels, starts three children from its own binary, each in
 * an address space of its own, and starts one again when it ends. Because it keeps both ends of every channel,
 * a child that is started again finds the messages that waited for it.
 */
#ifndef ATTESTD_SUPERVISE_H
#define ATTESTD_SUPERVISE_H

#include "base/err.h"

enum child_kind { CHILD_ISSUER, CHILD_ZYGOTE, CHILD_FRONT, CHILD_COUNT };

/* argv[0] of each child: how main() tells what it is to be. */
extern const char *const child_names[CHILD_COUNT];

/* A child that exits with this cannot work at all: the whole service stops. */
#define CHILD_EXIT_USELESS 78

/* Until SIGTERM or SIGINT; returns the exit status. `config` may be NULL. `verifier`: qvs or as is on; `issuer`: as is. */
int supervise(const char *config, bool verifier, bool issuer);

#endif
