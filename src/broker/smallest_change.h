// SPDX-License-Identifier: Apache-2.0
/* What a refused request would have needed: the fewest conditions that would have had to hold. */
#ifndef BROKER_SMALLEST_CHANGE_H
#define BROKER_SMALLEST_CHANGE_H

#include "base/json.h"

/* [{"rule","claim","operator","expected","actual","needed"}]: one entry for each check that failed,
 * of conditions those of the nearest alternative. `refusal`: where the attestation service refused
 * the evidence, its list of what failed, else NULL: its nearest ones stand in place of the check
 * that nobody was attested. */
fallible smallest_change(const json_t *checks, const json_t *refusal, json_t **out);

#endif
