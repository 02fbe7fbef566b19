// SPDX-License-Identifier: Apache-2.0
/*
 * EAR's view of an appraisal: status and AR4SI trustworthiness vector (draft-ietf-rats-ear,
 * draft-ietf-rats-ar4si section 2.3). A category of which nothing is known is left out: no claim is
 * made. The status is the worst tier of the vector, and "contraindicated" for every refusal.
 */
#ifndef TOKEN_EAR_H
#define TOKEN_EAR_H

#include "base/json.h"

enum ear_outcome {
    EAR_VERIFIED,        /* genuine, and every policy is met */
    EAR_POLICY_REFUSED,  /* genuine, but a policy is not met */
    EAR_EVIDENCE_REFUSED /* a check of the evidence has failed */
};

struct ear_facts {
    enum ear_outcome outcome;
    const json_t *claims;  /* flat: docs/claims.md */
    bool measured;         /* a policy that was met says what may run */
    struct span policy_id; /* may be empty */
};
/* {"ear.status", "ear.trustworthiness-vector", "ear.appraisal-policy-id"} of one submodule. New
 * reference, NULL when memory is short. */
json_t *ear_submodule(const struct ear_facts *f);

#endif
