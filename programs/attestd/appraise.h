// SPDX-License-Identifier: Apache-2.0
/* Appraisal policies applied to verified claims. */
#ifndef ATTESTD_APPRAISE_H
#define ATTESTD_APPRAISE_H

#include "base/json.h"

#define POLICIES_PER_REQUEST_MAX 16

/* The policy that always exists: vendor root, no debug, platform up to date; a TD also without
 * injected faults and service TDs. */
#define DEFAULT_POLICY_NAME "default"
extern const char default_policy_text[];

struct appraisal {
    bool met;         /* all policies */
    json_t *policies; /* [{"id","name","version","digest"}] */
    json_t
        *failed; /* [{"policy","path","claim","operator","expected","actual"}] of those that were
                    not met; the first ones of very many, a large set by the number of its values */
};
void appraisal_done(struct appraisal *a);
static inline void appraisal_donep(struct appraisal *a)
{
    appraisal_done(a);
}
/* `policies`: [{"id","name","version","policy"}], at least one. A policy that does not parse is
 * FAIL_INPUT: nothing is decided by half of what was asked for. */
fallible appraise(const json_t *policies, const json_t *claims, int64_t now, struct appraisal *out);

#endif
