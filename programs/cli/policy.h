// SPDX-License-Identifier: Apache-2.0
/* warder policy, where it is more than one file. */
#ifndef CLI_POLICY_H
#define CLI_POLICY_H

#include "base/json.h"

/* "a,b": a list of texts. New reference. */
json_t *list_of(const char *text);
int policy_test(int argc, char **argv);

#endif
