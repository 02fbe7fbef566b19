// SPDX-License-Identifier: Apache-2.0
/* Passwords for verbs: from a file of mode 0600, or typed at the terminal without echo; never from
 * the command line. */
#ifndef CLI_SECRET_INPUT_H
#define CLI_SECRET_INPUT_H

#include "crypto/secret.h"

/* `file` NULL: asks at the terminal with `prompt`, twice where `twice`. Prints what is wrong;
 * EXIT_OK or an exit status. */
int read_password(const char *file, const char *prompt, bool twice, struct secret **out);

#endif
