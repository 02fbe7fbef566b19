// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

static const char digits[] = "0123456789abcdef";

static void encode(struct span bytes, char *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = digits[bytes.at[i] >> 4];
        out[2 * i + 1] = digits[bytes.at[i] & 15];
    }
}

int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static fallible decode(struct span text, uint8_t *out)
{
    for (size_t i = 0; i + 1 < text.len; i += 2) {
        int high = hex_digit(text.at[i]), low = hex_digit(text.at[i + 1]);

        if (high < 0 || low < 0)
            return FAIL(INPUT, "not hexadecimal");
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return OK;
}

void hex_add(struct buf *b, struct span bytes)
{
    if (bytes.len > SIZE_MAX / 2) {
        b->failed = true;
        return;
    }
    uint8_t *to = buf_extend(b, 2 * bytes.len);
    if (to)
        encode(bytes, (char *)to);
}

char *hex_str(struct span bytes, char *out)
{
    encode(bytes, out);
    out[2 * bytes.len] = 0;
    return out;
}

/* `out` is written only after the whole text has passed. */
fallible hex_parse_exact(struct span text, uint8_t *out, size_t len)
{
    if (text.len % 2 || text.len / 2 != len)
        return FAIL(INPUT, "hexadecimal text of the wrong length");
    for (size_t i = 0; i < text.len; i++) {
        if (hex_digit(text.at[i]) < 0)
            return FAIL(INPUT, "not hexadecimal");
    }
    return decode(text, out);
}

fallible hex_parse(struct span text, struct buf *out)
{
    size_t before = out->len;

    if (text.len % 2)
        return FAIL(INPUT, "hexadecimal text of odd length");
    uint8_t *to = buf_extend(out, text.len / 2);
    TRY(buf_check(out));
    struct err e = decode(text, to);
    if (failed(e)) {
        out->len = before;
        out->at[before] = 0;
    }
    return e;
}
