// SPDX-License-Identifier: Apache-2.0
#ifndef POLICY_WORDS_INTERNAL_H
#define POLICY_WORDS_INTERNAL_H

#include "base/bounds.h"
#include "policy/policy_internal.h"

/* "is at least 3", "is one of: a, b". A large set by its first values and their number. */
void condition_words(const struct operator_row *op, const struct claim_row *claim,
                     const json_t *expected, struct buf *out);
/* A value of a claim; NULL: "absent". */
void value_words(const json_t *value, struct buf *out);

#endif
