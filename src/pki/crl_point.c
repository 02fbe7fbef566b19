// SPDX-License-Identifier: Apache-2.0
#include "pki/register_internal.h"

#include "base/writer.h"

#define URL_MAX 120 /* so that every length below is one byte */

enum { SEQUENCE = 0x30, FULL_NAME = 0xa0, URI = 0x86 };

static void put_head(struct buf *out, uint8_t tag, size_t len)
{
    write_u8(out, tag);
    write_u8(out, (uint8_t)len);
}

/* CRLDistributionPoints (RFC 5280 section 4.2.1.13): one point, its name one URI. */
fallible crl_point_write(const char *url, struct buf *out)
{
    size_t len = strlen(url);

    if (!len || len > URL_MAX - 8)
        return FAIL(LIMIT, "the URL of the revocation list is 1 to 112 characters");
    for (const char *at = url; *at; at++)
        if (*at <= ' ' || *at > '~')
            return FAIL(INPUT, "the URL of the revocation list has characters of no URL");
    put_head(out, SEQUENCE, len + 8);
    put_head(out, SEQUENCE, len + 6);
    put_head(out, FULL_NAME, len + 4);
    put_head(out, FULL_NAME, len + 2);
    put_head(out, URI, len);
    buf_add_str(out, url);
    return buf_check(out);
}
