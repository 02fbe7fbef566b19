// SPDX-License-Identifier: Apache-2.0
/* A policy as alternatives of conditions that hold together: its disjunctive normal form. */
#ifndef POLICY_ALTERNATIVE_INTERNAL_H
#define POLICY_ALTERNATIVE_INTERNAL_H

#include "base/bounds.h"
#include "policy/policy_internal.h"

struct alternative {
    char *label; /* paths of the choices that lead to it: "anyOf[0]"; "" where there is no choice */
    const struct node **conditions;
    size_t count;
};
struct alternatives {
    struct alternative *at;
    size_t count;
};
void alternatives_done(struct alternatives *a);
static inline void alternatives_donep(struct alternatives *a)
{
    alternatives_done(a);
}
/* FAIL_LIMIT: more than ALTERNATIVES_MAX. Borrows from the policy. */
fallible alternatives_of(const struct policy *p, struct alternatives *out);

#endif
