// SPDX-License-Identifier: Apache-2.0
#include "verify/piece.h"

static const struct evidence_type *const types[] = {
    &quote_evidence[0],
    &quote_evidence[1],
    &quote_evidence[2],
    &snp_evidence,
};

const struct evidence_type *evidence_type_of(enum piece_kind kind)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (types[i]->kind == kind)
            return types[i];
    return NULL;
}
