// SPDX-License-Identifier: Apache-2.0
#include "evidence/pem.h"

#include "base/base64.h"
#include "base/reader.h"

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
        uint8_t c = reader_u8(&r);
        if (c != '\n' && c != '\r')
            buf_add_u8(&digits, c);
    }
    TRY(buf_check(&digits));
    return base64_parse(buf_span(&digits), der);
}
