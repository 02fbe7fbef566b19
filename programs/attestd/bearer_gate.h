// SPDX-License-Identifier: Apache-2.0
/* Who may: the bearer token of a request, and whether its permissions allow something. */
#ifndef ATTESTD_BEARER_GATE_H
#define ATTESTD_BEARER_GATE_H

#include "access/pinned_keys.h"
#include "http/server.h"

/* Whether the token holds what the route needs. Answers 401 or 403 and returns false when the caller
 * may not. `keys` NULL: nobody may. */
bool bearer_gate(struct http_exchange *x, struct pinned_keys *keys, struct bearer *b);

#endif
