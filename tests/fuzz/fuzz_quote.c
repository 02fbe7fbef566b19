// SPDX-License-Identifier: Apache-2.0
/* quote_parse and the report bodies: whatever is accepted lies inside the input. */
#include <assert.h>

#include "evidence/pck_query.h"
#include "evidence/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span in, struct span part)
{
    assert(!part.len || (part.at >= in.at && part.at + part.len <= in.at + in.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct sgx_report enclave;
    struct td_report td;
    struct pck_query query;
    struct quote q;

    (void)pck_query_of(in, &query).kind;
    if (failed(quote_parse(in, &q)))
        return 0;
    inside(in, q.body);
    inside(in, q.signed_bytes);
    inside(in, q.qe_report);
    inside(in, q.certification_data);
    assert(q.trailing < size);
    assert(!failed(sgx_report_parse(q.qe_report, &enclave)));
    assert(!failed(q.tee == QUOTE_SGX ? sgx_report_parse(q.body, &enclave) : td_report_parse(q.body, &td)));
    return 0;
}
