// SPDX-License-Identifier: Apache-2.0
/* Evidence of a TPM: what is read can be written again, to the same bytes. */
#include <assert.h>

#include "evidence/tpm_evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf again owned(buf_done) = buf_of(TPM_EVIDENCE_MAX);
    struct tpm_evidence e;

    if (failed(tpm_evidence_parse(span_from(data, size), &e)))
        return 0;
    assert(!failed(tpm_evidence_write(&e, &again)));
    assert(span_equal(buf_span(&again), span_from(data, size)));
    return 0;
}
