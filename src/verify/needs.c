// SPDX-License-Identifier: Apache-2.0
#include "verify/piece.h"

/* Pieces that are verified without collateral name none; two that name some would need two sets. */
fallible evidence_needs(struct span evidence, struct collateral_key *out)
{
    struct bundle b owned(bundle_done) = { 0 };
    struct collateral_key key = { 0 };
    bool named = false;

    TRY(bundle_parse(evidence, &b));
    for (size_t i = 0; i < b.count; i++) {
        const struct evidence_type *type = evidence_type_of(b.pieces[i].kind);
        if (!type)
            return FAIL(INPUT, "evidence of this type is not verified here");
        if (!type->needs)
            continue;
        if (named)
            return FAIL(INPUT, "an evidence bundle with more than one quote is not supported");
        TRY(type->needs(b.pieces[i].bytes, &key));
        named = true;
    }
    if (!named)
        return FAIL(INPUT, "the evidence needs no collateral");
    *out = key;
    return OK;
}
