// SPDX-License-Identifier: Apache-2.0
/* json_parse: what is accepted has a canonical form that reads back as the same value. */
#include <assert.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *j owned(json_free) = NULL, *again owned(json_free) = NULL;
    struct buf text owned(buf_done) = buf_of(8 * JSON_TEXT_MAX);

    if (failed(json_parse(span_from(data, size), &j)))
        return 0;
    if (failed(json_canonical(j, &text)) || text.len > JSON_TEXT_MAX)
        return 0;
    assert(!failed(json_parse(buf_span(&text), &again)));
    assert(json_equal(j, again));
    return 0;
}
