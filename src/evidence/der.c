// SPDX-License-Identifier: Apache-2.0
#include "evidence/der.h"

static size_t der_length(struct reader *r)
{
    uint8_t first = reader_u8(r);
    if (first < 0x80)
        return first;
    if (first == 0x81) {
        uint8_t len = reader_u8(r);
        reader_require(r, len >= 0x80);
        return len;
    }
    reader_require(r, first == 0x82);
    uint16_t len = reader_u16be(r);
    reader_require(r, len >= 0x100);
    return r->failed ? 0 : len;
}

struct der_value der_next(struct reader *r)
{
    struct der_value v = { 0 };
    v.tag = reader_u8(r);
    reader_require(r, (v.tag & 0x1f) != 0x1f);
    v.content = reader_take(r, der_length(r));
    return v;
}

struct span der_expect(struct reader *r, uint8_t tag)
{
    struct der_value v = der_next(r);
    reader_require(r, v.tag == tag);
    return r->failed ? (struct span){ 0 } : v.content;
}

uint32_t der_small_number(struct reader *r, uint8_t tag, uint32_t max)
{
    struct reader in = reader_of(der_expect(r, tag));
    size_t len = in.rest.len;
    uint8_t first = reader_u8(&in);
    bool padded = false;
    uint64_t value = first;

    if (first == 0 && len > 1) { /* one zero byte where the next has its top bit set */
        value = reader_u8(&in);
        padded = value < 0x80;
    }
    for (size_t i = 0; i < 4 && in.rest.len; i++)
        value = value << 8 | reader_u8(&in);
    reader_require(r, !in.failed && !in.rest.len && !padded && first < 0x80 && value <= max);
    return r->failed ? 0 : (uint32_t)value;
}

bool der_boolean(struct reader *r)
{
    struct span content = der_expect(r, DER_BOOLEAN);
    struct reader in = reader_of(content);
    uint8_t value = reader_u8(&in);
    reader_require(r, content.len == 1 && (value == 0 || value == 0xff));
    return !r->failed && value;
}

void der_octets(struct reader *r, void *to, size_t len)
{
    struct reader in = reader_of(der_expect(r, DER_OCTET_STRING));
    reader_require(r, in.rest.len == len);
    reader_copy(&in, to, len);
}
