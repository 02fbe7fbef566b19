// SPDX-License-Identifier: Apache-2.0
/* A decision on a key as text: of an audit record, or of a trial. */
#ifndef CLI_DECISION_H
#define CLI_DECISION_H

#include "base/json.h"

/* Its checks that did not pass, and what would have. */
void decision_print(const json_t *decision);

#endif
