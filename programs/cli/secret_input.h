// SPDX-License-Identifier: Apache-2.0
/* Passwords for verbs: from a file of mode 0600, or typed at the terminal without echo; never from
 * the command line. */
#ifndef CLI_SECRET_INPUT_H
#define CLI_SECRET_INPUT_H

#include "base/json.h"
#include "crypto/secret.h"

/* `file` NULL: asks at the terminal with `prompt`, twice where `twice`. Prints what is wrong;
 * EXIT_OK or an exit status. */
int read_password(const char *file, const char *prompt, bool twice, struct secret **out);
/* The object's text with member "password" added, which the caller wipes and frees; the object is
 * left without a copy of it. NULL: out of memory. */
char *password_body(json_t *body, const struct secret *password);

#endif
