// SPDX-License-Identifier: Apache-2.0
/*
 * Requests that were authenticated when keyd said what their evidence is to be appraised by, until
 * they come again with the attestation service's word: what was read of the body, the opened
 * challenge, and that the proof is the signing key's. Found by a digest over every byte that this
 * rests on, and taken out by its first use. What time can change is not kept: the challenge's
 * expiry and the bearer token are judged again. A request that is not here is authenticated as if
 * it came for the first time.
 */
#ifndef BROKER_PLANNED_H
#define BROKER_PLANNED_H

#include <stdbool.h>

#include "base/err.h"
#include "base/owned.h"

#define PLANNED_MAX 256 /* the oldest make room */

struct release;
struct planned;
fallible planned_open(struct planned **out);
void planned_close(struct planned *p);
OWNED_TYPE(struct planned, planned_close)

/* NULL keeps nothing. Takes the request's part out of `r`, if its proof is verified. */
void planned_keep(struct planned *p, struct release *r);
/* Gives it to another release with the same digest. False: it is not there. */
bool planned_take(struct planned *p, struct release *r);

#endif
