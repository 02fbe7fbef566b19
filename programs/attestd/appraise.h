// SPDX-License-Identifier: Apache-2.0
/* Appraisal policies applied to verified claims. */
#ifndef ATTESTD_APPRAISE_H
#define ATTESTD_APPRAISE_H

#include "base/bounds.h"
#include "base/json.h"

struct appraisal {
    bool met;         /* all policies; where all are "if met", one of them */
    json_t *policies; /* [{"id","name","version","digest"}] */
    json_t *
        failed; /* [{"policy","path","alternative","claim","operator","expected","actual","nearest"}]
                   of those that were not met: first the smallest change that would pass
                   (nearest), then all else that failed. The first ones of very many; a large set
                   by the number of its values */
};
void appraisal_done(struct appraisal *a);
static inline void appraisal_donep(struct appraisal *a)
{
    appraisal_done(a);
}
/* Something else than a policy refuses. */
fallible appraisal_fail(struct appraisal *a, const char *check, const char *clause,
                        const char *detail);
/* `policies`: [{"id","name","version","policy","if_met"?}], at least one. One that says "if_met" is
 * left out where it is not met. A policy that does not parse is
 * FAIL_INPUT: nothing is decided by half of what was asked for. */
fallible appraise(const json_t *policies, const json_t *claims, int64_t now, struct appraisal *out);

#endif
