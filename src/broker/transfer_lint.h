// SPDX-License-Identifier: Apache-2.0
/*
 * A transfer policy checked for those who write it: every place that is wrong, what can never be
 * met, and what has no effect. Conditions are checked as those of appraisal policies are
 * (policy_check), and once more together with the kinds of TEE that the policy names.
 */
#ifndef BROKER_TRANSFER_LINT_H
#define BROKER_TRANSFER_LINT_H

#include "broker/transfer_policy.h"

/* *remarks: [{"level":"error"|"warning","path","message","advice"?,"other"?}]; policy_check_good()
 * says whether an error is among them. A failure is of memory alone. */
fallible transfer_lint(const json_t *document, int64_t now, json_t **remarks);
/* Of a policy that could be read: why it could never be met, the same way, errors only. */
fallible transfer_lint_never(const struct transfer_policy *p, json_t *remarks);

#endif
