// SPDX-License-Identifier: Apache-2.0
/* What a TPM marshals; the same bytes as each structure. */
#include <assert.h>

#include "evidence/tpm_structures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct tpm_signature s;
    struct tpm_public p;
    struct tpm_quote q;

    if (!failed(tpm_quote_parse(in, &q))) {
        assert(q.selection.count <= TPM_BANKS_MAX);
        for (size_t i = 0; i < q.selection.count; i++)
            assert(q.selection.banks[i].mask >> TPM_PCRS == 0);
    }
    if (!failed(tpm_signature_parse(in, &s)))
        assert(s.rsa.len <= size && s.r.len + s.s.len <= size);
    if (!failed(tpm_public_parse(in, &p)))
        assert(p.type == TPM_ALG_RSA ? !p.x.len : !p.modulus.len);
    return 0;
}
