// SPDX-License-Identifier: Apache-2.0
#include "evidence/pem.h"

#include "base/base64.h"
#include "base/reader.h"

static const bool line_end[256] = { ['\n'] = true, ['\r'] = true };
static const bool in_line[256] = { [0 ... '\n' - 1] = true,
                                   ['\n' + 1 ... '\r' - 1] = true,
                                   ['\r' + 1 ... 0xff] = true };

fallible pem_first_certificate(struct span text, struct buf *der)
{
    struct span begin = SPAN("-----BEGIN CERTIFICATE-----");
    struct span end = SPAN("-----END CERTIFICATE-----");
    struct buf digits owned(buf_done) = buf_of(2 * PEM_CERT_MAX);

    if (!span_starts(text, begin))
        return FAIL(INPUT, "certification data does not start with a PEM certificate");
    struct span body = span_tail(text, begin.len);
    size_t len = span_find(body, end);
    if (len == body.len)
        return FAIL(INPUT, "PEM certificate does not end");
    struct reader r = reader_of(span_head(body, len));
    while (r.rest.len) {
        buf_add(&digits, reader_while(&r, in_line));
        (void)reader_while(&r, line_end);
    }
    TRY(buf_check(&digits));
    return base64_parse(buf_span(&digits), der);
}
