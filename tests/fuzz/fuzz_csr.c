// SPDX-License-Identifier: Apache-2.0
/* csr_parse: what is accepted has a key and a list of names. */
#include <assert.h>

#include "crypto/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csr r owned(csr_done) = { 0 };

    if (failed(csr_parse(span_from(data, size), &r)))
        assert(!r.key && !r.san && !r.common_name);
    else
        assert(r.key && r.san && !key_is_private(r.key));
    return 0;
}
