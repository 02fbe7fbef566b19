// SPDX-License-Identifier: Apache-2.0
/* What result.c and result_json.c share. */
#ifndef VERIFY_RESULT_INTERNAL_H
#define VERIFY_RESULT_INTERNAL_H

#include "verify/piece.h"

struct verify_result {
    struct check_list frame;
    struct piece pieces[BUNDLE_PIECES_MAX];
    struct span bytes[BUNDLE_PIECES_MAX]; /* of the pieces, while they are verified */
    size_t count;                         /* of pieces; 0: the evidence could not be taken apart */
    size_t standing;                      /* those that stand by themselves come first */
    struct check *rows;                   /* of all lists, those that apply */
    size_t row_count;
    bool verified, bundle;
    const char *reason;
    json_t *claims;
};

bool collateral_set_is_of(const struct collateral_set *c, const struct verifier *v);

#endif
