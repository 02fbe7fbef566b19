// SPDX-License-Identifier: Apache-2.0
/* Faults to plant: a condition that a claim satisfies, and a value of the claim that does not. */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include "policy/operator.h"

struct fault {
    json_t *expected, *wrong; /* owned; wrong NULL: the claim is gone */
    int64_t now;              /* when it is judged */
};
void fault_done(struct fault *f);
static inline void fault_donep(struct fault *f)
{
    fault_done(f);
}
/* False: this operator cannot be made to fail so for this value. */
bool fault_make(const struct operator_row *op, const struct claim_row *claim, const json_t *value,
                struct fault *out);
/* Another value of the claim's type; NULL: there is none. */
json_t *fault_other(const struct claim_row *claim, const json_t *value);

#endif
