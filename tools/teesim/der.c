// SPDX-License-Identifier: Apache-2.0
#include "teesim/der.h"

#include "base/clock.h"

#define UTC_TIME_TAG 0x17
#define GENERALIZED_TIME_TAG 0x18
#define YEAR_2050 2524608000

size_t forge_der_open(struct buf *b, uint8_t tag)
{
    buf_add_u8(b, tag);
    return b->len;
}

void forge_der_close(struct buf *b, size_t mark)
{
    if (b->failed)
        return;
    size_t len = b->len - mark, octets = 0;
    uint8_t head[5];

    if (len < 0x80) {
        head[octets++] = (uint8_t)len;
    } else {
        size_t wide = len > 0xffffff ? 4 : len > 0xffff ? 3 : len > 0xff ? 2 : 1;
        head[octets++] = (uint8_t)(0x80 | wide);
        for (size_t i = wide; i > 0; i--)
            head[octets++] = (uint8_t)(len >> (8 * (i - 1)));
    }
    if (!buf_extend(b, octets))
        return;
    memmove(b->at + mark + octets, b->at + mark, len);
    memcpy(b->at + mark, head, octets);
}

void forge_der_add(struct buf *b, uint8_t tag, struct span content)
{
    size_t mark = forge_der_open(b, tag);
    buf_add(b, content);
    forge_der_close(b, mark);
}

static void add_base128(struct buf *b, uint64_t v)
{
    uint8_t digits[10];
    size_t count = 0;

    do {
        digits[count++] = (uint8_t)(v & 0x7f);
        v >>= 7;
    } while (v);
    while (count-- > 0)
        buf_add_u8(b, (uint8_t)(digits[count] | (count ? 0x80 : 0)));
}

void forge_der_oid(struct buf *b, const char *dotted)
{
    size_t mark = forge_der_open(b, DER_OID);
    char *rest = NULL;
    uint64_t first = strtoull(dotted, &rest, 10);
    uint64_t second = strtoull(rest + 1, &rest, 10);

    add_base128(b, first * 40 + second);
    while (*rest == '.')
        add_base128(b, strtoull(rest + 1, &rest, 10));
    forge_der_close(b, mark);
}

static void add_integer(struct buf *b, uint8_t tag, struct span v)
{
    size_t zeros = 0;
    while (zeros + 1 < v.len && v.at[zeros] == 0)
        zeros++;
    v = span_tail(v, zeros);

    size_t mark = forge_der_open(b, tag);
    if (v.len == 0 || v.at[0] & 0x80)
        buf_add_u8(b, 0);
    buf_add(b, v);
    forge_der_close(b, mark);
}

void forge_der_number(struct buf *b, uint8_t tag, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * (7 - i)));
    add_integer(b, tag, SPAN_OF(bytes));
}

void forge_der_integer(struct buf *b, struct span big_endian)
{
    add_integer(b, DER_INTEGER, big_endian);
}

void forge_der_boolean(struct buf *b, bool value)
{
    uint8_t octet = value ? 0xff : 0;
    forge_der_add(b, DER_BOOLEAN, span_from(&octet, 1));
}

void forge_der_bits(struct buf *b, uint8_t unused, struct span bits)
{
    size_t mark = forge_der_open(b, DER_BITS);
    buf_add_u8(b, unused);
    buf_add(b, bits);
    forge_der_close(b, mark);
}

void forge_der_time(struct buf *b, int64_t at)
{
    char text[CLOCK_TEXT_MAX];
    bool utc = at < YEAR_2050;

    clock_format(at, text);
    size_t mark = forge_der_open(b, utc ? UTC_TIME_TAG : GENERALIZED_TIME_TAG);
    for (const char *c = text + (utc ? 2 : 0); *c; c++)
        if ((*c >= '0' && *c <= '9') || *c == 'Z')
            buf_add_u8(b, (uint8_t)*c);
    forge_der_close(b, mark);
}

void forge_der_signature(struct buf *b, struct span raw)
{
    size_t mark = forge_der_open(b, DER_SEQUENCE);
    forge_der_integer(b, span_head(raw, raw.len / 2));
    forge_der_integer(b, span_tail(raw, raw.len / 2));
    forge_der_close(b, mark);
}
