// SPDX-License-Identifier: Apache-2.0
#include "verify/piece.h"

#include "verify/azure_verify.h"
#include "verify/cc_log.h"
#include "verify/sample_verify.h"
#include "verify/tpm_verify.h"

static const struct evidence_type *const types[] = {
    &quote_evidence[0], &quote_evidence[1],   &quote_evidence[2], &snp_evidence,
    &tpm_evidence_type, &azure_evidence_type, &cc_log_type,       &sample_evidence_type,
};

const struct evidence_type *evidence_type_of(enum piece_kind kind)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (types[i]->kind == kind)
            return types[i];
    return NULL;
}

static void bind(struct piece *p, struct span bytes, bool hashed)
{
    if (bytes.len > sizeof(p->bound))
        return;
    memcpy(p->bound, bytes.at, bytes.len);
    p->bound_len = bytes.len;
    p->bound_hashed = hashed;
}

void piece_bind(struct piece *p, struct span report_data)
{
    bind(p, report_data, false);
}

void piece_bind_hash(struct piece *p, struct span hash)
{
    bind(p, hash, true);
}
