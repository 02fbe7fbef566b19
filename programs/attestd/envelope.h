// SPDX-License-Identifier: Apache-2.0
/* From a client's JSON to a request: the members that say what is wanted; the evidence stays
 * closed. */
#ifndef ATTESTD_ENVELOPE_H
#define ATTESTD_ENVELOPE_H

#include "attestd/request.h"
#include "base/json.h"

/* The request's spans borrow from the body and from what the envelope owns. */
struct envelope {
    struct work_request request;
    char *evidence, *runtime_data; /* texts of members that stay JSON */
    struct span nonce; /* that the runtime data answers; empty: none. Borrows from the body */
};
void envelope_done(struct envelope *e);
static inline void envelope_donep(struct envelope *e)
{
    envelope_done(e);
}
/* {"evidence": CMW | "quote": base64, "report_data"?: hex} */
fallible envelope_verify(const json_t *body, struct envelope *out);
/* {"evidence": CMW, "policy_ids"?, "tenant"?, "audience"?, "runtime_data"?}; the policies are the
 * caller's to add. */
fallible envelope_attest(const json_t *body, struct envelope *out);

#endif
