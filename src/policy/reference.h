// SPDX-License-Identifier: Apache-2.0
/* Policies from reference values: measurements of workloads that are known to be good. */
#ifndef POLICY_REFERENCE_H
#define POLICY_REFERENCE_H

#include "base/json.h"

/* `sets`: [{"name"?,"claims":{claim: value}}], each an alternative: a list says one of its values
 * (of a claim that is a list itself: all of them); a security version ("...svn") is a minimum;
 * anything else is equal. `base` (may be NULL) is a policy whose conditions all must hold besides.
 * *document is not checked: policy_check() does. */
fallible reference_policy(const json_t *base, const json_t *sets, json_t **document);

/* Of verified claims those that say which workload it is, for a set: *set is {"claims":{...}}.
 * `exact` false leaves out what a new build by the same signer changes. FAIL_INPUT: there are none.
 */
fallible reference_set(const json_t *claims, bool exact, json_t **set);

#endif
