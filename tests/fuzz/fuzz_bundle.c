// SPDX-License-Identifier: Apache-2.0
/* bundle_parse: wrappers and collections of evidence. */
#include <assert.h>

#include "evidence/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle b owned(bundle_done) = { 0 };

    if (!failed(bundle_parse(span_from(data, size), &b)))
        assert(b.count && b.count <= BUNDLE_PIECES_MAX);
    return 0;
}
