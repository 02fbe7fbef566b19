// SPDX-License-Identifier: Apache-2.0
/* A policy as the command line names it: a file, or a stored one. */
#ifndef CLI_POLICY_SOURCE_H
#define CLI_POLICY_SOURCE_H

#include "cli/cli.h"
#include "policy/policy.h"

/* The text of a file; - is standard input. EXIT_OK: *out is the policy, or NULL where `remarks`
 * have an error. */
int policy_from_file(const char *path, json_t **remarks, struct policy **out);
/* A path (with a '/' or ending in .json, or -), or NAME, ID or NAME@VERSION of a stored appraisal
 * policy. A policy that is not good is told, and ends it. */
int policy_from_operand(const struct session_options *options, const char *operand,
                        struct policy **out);
/* The lines of policy_words(), indented. */
void policy_words_print(const json_t *words);
/* "/as/v1/policies/ID" with `rest` behind it. False: it is neither a name nor an id, which is told.
 */
bool policy_path(const char *id, const char *rest, struct buf *path);

#endif
