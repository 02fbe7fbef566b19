// SPDX-License-Identifier: Apache-2.0
/* What comes to the agent from the KBS and the evidence socket: the first byte chooses which. */
#include <assert.h>

#include "client/attester/attester_internal.h"
#include "client/fetch_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct challenge c owned(challenge_done) = { 0 };
    struct transfer t owned(transfer_done) = { 0 };
    struct buf quote owned(buf_done) = buf_of(EVIDENCE_MAX);
    struct refusal r = { 0 };
    enum evidence_type type;

    if (!size)
        return 0;
    struct span in = span_tail(span_from(data, size), 1);
    if (data[0] == 'c' && !failed(challenge_parse(in, &c)))
        assert(c.text.len && c.json);
    if (data[0] == 't' && !failed(transfer_parse(in, &t)))
        assert(t.json);
    if (data[0] == 'p')
        problem_parse(403, in, &r);
    if (data[0] == 'e' && !failed(evidence_answer_parse(in, &type, &quote)))
        assert(type <= EVIDENCE_TPM && quote.len <= EVIDENCE_MAX);
    assert(strlen(r.code) < REFUSAL_CODE_MAX && strlen(r.detail) < REFUSAL_DETAIL_MAX);
    return 0;
}
