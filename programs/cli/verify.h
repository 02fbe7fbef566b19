// SPDX-License-Identifier: Apache-2.0
/* warder verify, and its answer as text. */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "base/json.h"

int cli_verify(int argc, char **argv);
/* `answer`: the JSON of the verb. */
void verify_print(const json_t *answer);

#endif
