// SPDX-License-Identifier: Apache-2.0
/* What there is to say of a policy file: remarks, gathered in a JSON array of {level, path,
 * message}. */
#ifndef CLI_LINT_H
#define CLI_LINT_H

#include "base/json.h"

/* `path`: where in the document, or "". */
void lint_add(json_t *remarks, bool error, const char *path, const char *message);
/* Each on standard error; EXIT_ERROR where one is an error. */
int lint_print(const char *file, const json_t *remarks);
/* The verb's whole answer: "FILE: good" after the remarks, or as JSON. */
int lint_report(const char *file, const json_t *remarks, bool json);

#endif
