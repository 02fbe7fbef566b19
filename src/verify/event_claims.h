// SPDX-License-Identifier: Apache-2.0
/* Claims of the events of a replayed log, docs/claims.md: of those registers whose values are
 * vouched for. */
#ifndef VERIFY_EVENT_CLAIMS_H
#define VERIFY_EVENT_CLAIMS_H

#include "base/bounds.h"
#include "base/json.h"
#include "verify/event_replay.h"

/* A longer list gives no claim, which no condition on it then meets. */

/* The registers of one bank that a log explains. */
struct explained {
    uint16_t alg; /* the strongest bank that was compared; 0: none */
    uint32_t mask;
};

/* What registers a log's numbers mean. */
struct register_plan {
    uint32_t first;       /* the number of register 0 */
    uint32_t boot;        /* where the firmware measures what it starts */
    uint32_t secure_boot; /* where it measures its configuration of secure boot */
};
extern const struct register_plan plan_tpm; /* PCRs */
extern const struct register_plan plan_td;  /* RTMRs */

fallible event_claims(const struct event_log *log, struct explained x,
                      const struct register_plan *plan, json_t *to);

#endif
