// SPDX-License-Identifier: Apache-2.0
#include "crypto/der_internal.h"

#include <stdio.h>

#include "base/clock.h"

/* Tag and length of the next element; its content follows in the reader. */
static size_t take_head(struct reader *r, uint8_t *tag)
{
    *tag = reader_u8(r);
    reader_require(r, (*tag & 0x1f) != 0x1f);
    uint8_t first = reader_u8(r);
    if (first < 0x80)
        return first;
    size_t count = first & 0x7f, len = 0;
    reader_require(r, count >= 1 && count <= 4);
    for (size_t i = 0; !r->failed && i < count; i++)
        len = len << 8 | reader_u8(r);
    reader_require(r, len >= 0x80 && (count == 1 || len >> (8 * (count - 1)) != 0)); /* minimal */
    return r->failed ? 0 : len;
}

bool der_next_is(const struct reader *r, uint8_t tag)
{
    struct reader ahead = *r;

    return reader_u8(&ahead) == tag && !ahead.failed;
}

struct span der_value(struct reader *r, uint8_t tag)
{
    uint8_t found = 0;
    size_t len = take_head(r, &found);

    reader_require(r, found == tag);
    return reader_take(r, len);
}

struct reader der_enter(struct reader *r, uint8_t tag)
{
    uint8_t found = 0;
    size_t len = take_head(r, &found);

    reader_require(r, found == tag);
    return reader_sub(r, len);
}

struct span der_any(struct reader *r, uint8_t *tag)
{
    struct span before = r->rest;
    size_t len = take_head(r, tag);

    (void)reader_take(r, len);
    return r->failed ? (struct span){ 0 } : span_head(before, before.len - r->rest.len);
}

struct span der_whole(struct reader *r, uint8_t tag)
{
    uint8_t found = 0;
    struct span s = der_any(r, &found);

    reader_require(r, found == tag);
    return r->failed ? (struct span){ 0 } : s;
}

struct span der_strip_zeros(struct span s)
{
    while (s.len > 1 && s.at[0] == 0)
        s = span_tail(s, 1);
    return s;
}

struct span der_unsigned(struct reader *r)
{
    struct span v = der_value(r, DER_INTEGER);

    reader_require(r,
                   v.len > 0 && v.at[0] < 0x80 && (v.len == 1 || v.at[0] != 0 || v.at[1] >= 0x80));
    return r->failed ? (struct span){ 0 } : der_strip_zeros(v);
}

uint32_t der_small(struct reader *r, uint32_t max)
{
    struct span v = der_unsigned(r);
    uint32_t n = 0;

    reader_require(r, v.len <= 4);
    for (size_t i = 0; !r->failed && i < v.len; i++)
        n = n << 8 | v.at[i];
    reader_require(r, n <= max);
    return r->failed ? 0 : n;
}

bool der_bool(struct reader *r)
{
    struct span v = der_value(r, DER_BOOLEAN);

    reader_require(r, v.len == 1 && (v.at[0] == 0 || v.at[0] == 0xff));
    return !r->failed && v.at[0] != 0;
}

struct span der_bits(struct reader *r)
{
    struct span v = der_value(r, DER_BIT_STRING);

    reader_require(r, v.len > 0 && v.at[0] == 0);
    return r->failed ? (struct span){ 0 } : span_tail(v, 1);
}

/* Lists of revoked certificates have hundreds of times: no printf. */
static void put_part(char **to, const uint8_t **from, size_t len, char end)
{
    memcpy(*to, *from, len);
    *to += len;
    *from += len;
    *(*to)++ = end;
}

int64_t der_time(struct reader *r)
{
    bool utc = der_next_is(r, DER_UTC_TIME);
    struct span v = der_value(r, utc ? DER_UTC_TIME : DER_TIME);
    int64_t at = 0;
    char text[CLOCK_TEXT_MAX], *to = text;

    reader_require(r, v.len == (utc ? 13U : 15U));
    if (r->failed)
        return 0;
    const uint8_t *from = v.at;
    if (utc) {
        memcpy(to, *from >= '5' ? "19" : "20", 2);
        to += 2;
    }
    put_part(&to, &from, utc ? 2 : 4, '-');
    put_part(&to, &from, 2, '-');
    put_part(&to, &from, 2, 'T');
    put_part(&to, &from, 2, ':');
    put_part(&to, &from, 2, ':');
    put_part(&to, &from, 2, 'Z');
    bool good =
        *from == 'Z' && !failed(clock_parse_rfc3339(span_from(text, (size_t)(to - text)), &at));
    reader_require(r, good);
    return r->failed ? 0 : at;
}

struct der_writer der_writer_of(uint8_t *at, size_t room)
{
    return (struct der_writer){ .start = at, .room = room, .left = room };
}

void der_put(struct der_writer *w, struct span bytes)
{
    if (w->failed || bytes.len > w->left) {
        w->failed = true;
        return;
    }
    w->left -= bytes.len;
    if (bytes.len)
        memcpy(w->start + w->left, bytes.at, bytes.len);
}

void der_put_u8(struct der_writer *w, uint8_t v)
{
    der_put(w, span_from(&v, 1));
}

size_t der_mark(const struct der_writer *w)
{
    return w->left;
}

void der_wrap(struct der_writer *w, uint8_t tag, size_t mark)
{
    size_t len = mark - w->left;
    uint8_t count = 0;

    if (len < 0x80) {
        der_put_u8(w, (uint8_t)len);
    } else {
        for (; len > 0; len >>= 8, count++)
            der_put_u8(w, (uint8_t)len);
        der_put_u8(w, (uint8_t)(0x80 | count));
    }
    der_put_u8(w, tag);
}

void der_put_value(struct der_writer *w, uint8_t tag, struct span content)
{
    size_t mark = der_mark(w);

    der_put(w, content);
    der_wrap(w, tag, mark);
}

void der_put_unsigned(struct der_writer *w, struct span big_endian)
{
    size_t mark = der_mark(w);

    big_endian = der_strip_zeros(big_endian);
    der_put(w, big_endian);
    if (big_endian.len == 0 || big_endian.at[0] >= 0x80)
        der_put_u8(w, 0);
    der_wrap(w, DER_INTEGER, mark);
}

void der_put_small(struct der_writer *w, uint64_t v)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(v >> (56 - 8 * i));
    der_put_unsigned(w, SPAN_OF(bytes));
}

void der_put_bool(struct der_writer *w, bool v)
{
    uint8_t byte = v ? 0xff : 0;

    der_put_value(w, DER_BOOLEAN, span_from(&byte, 1));
}

void der_put_bits(struct der_writer *w, struct span bytes)
{
    size_t mark = der_mark(w);

    der_put(w, bytes);
    der_put_u8(w, 0);
    der_wrap(w, DER_BIT_STRING, mark);
}

void der_put_time(struct der_writer *w, int64_t at)
{
    char full[CLOCK_TEXT_MAX], text[CLOCK_TEXT_MAX];
    size_t o = 0;

    (void)clock_format(at, full);
    for (const char *c = full; *c; c++) {
        if (*c != '-' && *c != ':' && *c != 'T')
            text[o++] = *c;
    }
    bool utc = at < 2524608000; /* 2050 */
    struct span s = span_from(text, o);
    der_put_value(w, utc ? DER_UTC_TIME : DER_TIME, utc ? span_tail(s, 2) : s);
}

struct span der_written(const struct der_writer *w)
{
    return w->failed ? (struct span){ 0 } : span_from(w->start + w->left, w->room - w->left);
}
