// SPDX-License-Identifier: Apache-2.0
/* guest_evidence_read: what a guest of Confidential Containers sends as evidence; and what it is
 * read to must be evidence that the bundle's reader takes apart or refuses. */
#include "evidence/bundle.h"
#include "evidence/guest_evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out owned(buf_done) = buf_of(EVIDENCE_MAX);
    struct bundle b owned(bundle_done) = { 0 };
    if (failed(guest_evidence_read(span_from(data, size), &out)))
        return 0;
    if (out.len > EVIDENCE_MAX)
        __builtin_trap();
    if (failed(bundle_parse(buf_span(&out), &b)))
        return 0;
    return 0;
}
