// SPDX-License-Identifier: Apache-2.0
/* EAR's view of verified claims: status and AR4SI trustworthiness vector (draft-ietf-rats-ear,
 * -ar4si). */
#ifndef TOKEN_EAR_H
#define TOKEN_EAR_H

#include "base/json.h"

/* {"ear.status", "ear.trustworthiness-vector", "ear.appraisal-policy-id"} of one submodule.
 * `policy_id` may be empty. A refusal is "contraindicated" with no vector. New reference, NULL when
 * memory is short. */
json_t *ear_submodule(const json_t *claims, bool verified, struct span policy_id);

#endif
