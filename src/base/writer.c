// SPDX-License-Identifier: Apache-2.0
#include "base/writer.h"

static void write_le(struct buf *b, uint64_t v, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    buf_add(b, span_from(bytes, size));
}

static void write_be(struct buf *b, uint64_t v, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
    buf_add(b, span_from(bytes, size));
}

void write_u8(struct buf *b, uint8_t v)
{
    buf_add_u8(b, v);
}

void write_u16le(struct buf *b, uint16_t v)
{
    write_le(b, v, 2);
}

void write_u32le(struct buf *b, uint32_t v)
{
    write_le(b, v, 4);
}

void write_u16be(struct buf *b, uint16_t v)
{
    write_be(b, v, 2);
}

void write_u32be(struct buf *b, uint32_t v)
{
    write_be(b, v, 4);
}

void write_u64be(struct buf *b, uint64_t v)
{
    write_be(b, v, 8);
}

void write_part(struct buf *b, struct span s)
{
    if (s.len > UINT32_MAX) {
        b->failed = true;
        return;
    }
    write_u32be(b, (uint32_t)s.len);
    buf_add(b, s);
}
