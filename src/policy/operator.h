// SPDX-License-Identifier: Apache-2.0
/* The operators: which types of claim each takes, what its value must be, what it means. */
#ifndef POLICY_OPERATOR_H
#define POLICY_OPERATOR_H

#include "base/bounds.h"
#include "base/json.h"
#include "policy/claim.h"

enum operator_kind {
    OPERATOR_EQUALS,
    OPERATOR_NOT_EQUALS,
    OPERATOR_LESS,
    OPERATOR_LESS_OR_EQUALS,
    OPERATOR_GREATER,
    OPERATOR_GREATER_OR_EQUALS,
    OPERATOR_EXISTS,
    OPERATOR_IN,
    OPERATOR_NOT_IN,
    OPERATOR_CONTAINS_ALL,
    OPERATOR_CONTAINS_ANY,
    OPERATOR_CONTAINS_NONE,
    OPERATOR_SUBSET_OF,
    OPERATOR_WITHIN_DAYS
};

enum operand_shape { OPERAND_VALUE, OPERAND_SET, OPERAND_BOOL, OPERAND_DAYS };

struct operator_row {
    const char *name;
    enum operator_kind kind;
    enum operand_shape shape;
    unsigned types; /* bit (1 << enum claim_type) */
};

const struct operator_row *operator_find(struct span name);
const char *operator_name(size_t at); /* by number; NULL past the last */
/* NULL when `expected` is a value that the operator takes for this claim; else what is wrong with
 * it (literal). */
const char *operand_check(const struct operator_row *op, const struct claim_row *claim,
                          const json_t *expected);
/* What such a value looks like. */
void operand_advice(const struct operator_row *op, const struct claim_row *claim,
                    char out[ADVICE_MAX]);
/* False for an absent claim (actual NULL) or one of the wrong type, whatever the operator;
 * exists:false aside. */
bool operator_holds(const struct operator_row *op, const struct claim_row *claim,
                    const json_t *expected, const json_t *actual, int64_t now);

/* The text is one of the words of a list that is separated by spaces. */
bool word_listed(struct span word, const char *list);
/* Every member of `inner` is in `outer`: of values of the claim, or of patterns of events. */
bool set_covers(const struct claim_row *claim, const json_t *outer, const json_t *inner);

/* -1, 0, 1 of two values of a type; *comparable is false where either is not a value of it. */
int claim_compare(const struct claim_row *claim, const json_t *a, const json_t *b,
                  bool *comparable);

#endif
