// SPDX-License-Identifier: Apache-2.0
/* The deny list applied to verified claims. */
#ifndef ATTESTD_DENIAL_H
#define ATTESTD_DENIAL_H

#include "attestd/appraise.h"
#include "base/span.h"

/* `denied`: JSON text of the entries in force; empty: none. What fits makes the appraisal one that
 * is not met, and is named first in what failed. *denied_now: one did. */
fallible denial_apply(struct span denied, const json_t *claims, struct appraisal *a,
                      bool *denied_now);
/* To the JSON of a verification: its check `deny_list`, and the verdict. Evidence that is refused
 * anyway has no claims to be trusted: what it is not denied by is not checked. */
fallible denial_apply_result(struct span denied, json_t *result);

#endif
