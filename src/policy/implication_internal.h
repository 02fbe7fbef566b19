// SPDX-License-Identifier: Apache-2.0
/*
 * What follows from what. "True" is certain; "false" may also mean that it was not found out, or
 * that the budget has run out: whoever asks must be content with that.
 */
#ifndef POLICY_IMPLICATION_INTERNAL_H
#define POLICY_IMPLICATION_INTERNAL_H

#include "policy/policy_internal.h"

/* Comparisons that one question may cost; a budget of 0 is spent. */
#define IMPLICATION_BUDGET 2000000U

/* Whatever satisfies `a` satisfies `b`. */
bool condition_implies(const struct node *a, const struct node *b, size_t *budget);
bool node_implies(const struct policy *p, size_t a, const struct policy *q, size_t b,
                  size_t *budget);

/* Nothing satisfies both. */
bool conditions_contradict(const struct node *a, const struct node *b, size_t *budget);
/* Of the conditions, those on the claim of `about` leave it no value. */
bool conditions_exhaust(const struct node *const *conditions, size_t count,
                        const struct node *about, size_t *budget);
/* Every value that the claim may have satisfies it. */
bool condition_is_idle(const struct node *n);

bool condition_wants_absence(const struct node *n);

#endif
