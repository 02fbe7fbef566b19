// SPDX-License-Identifier: Apache-2.0
/* base64, base64url, hexadecimal and times: one value has one form, so what parses must write back the same text. */
#include <assert.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct buf bytes owned(buf_done) = buf_of(1U << 20), text owned(buf_done) = buf_of(4U << 20);
    int64_t at = 0;

    if (!failed(base64_parse(in, &bytes))) {
        base64_add(&text, buf_span(&bytes));
        assert(span_equal(buf_span(&text), in));
    }
    buf_clear(&bytes);
    buf_clear(&text);
    if (!failed(base64url_parse(in, &bytes))) {
        base64url_add(&text, buf_span(&bytes));
        assert(span_equal(buf_span(&text), in));
    }
    buf_clear(&bytes);
    if (!failed(hex_parse(in, &bytes)))
        assert(bytes.len * 2 == size);
    if (!failed(clock_parse(in, &at))) {
        char form[CLOCK_TEXT_MAX];
        int64_t again = -1;
        assert(!failed(clock_parse_rfc3339(span_str(clock_format(at, form)), &again)) && again == at);
    }
    return 0;
}
