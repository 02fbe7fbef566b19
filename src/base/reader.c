// SPDX-License-Identifier: Apache-2.0
#include "base/reader.h"

struct reader reader_of(struct span in)
{
    return (struct reader){ .rest = in };
}

static void fail(struct reader *r)
{
    r->failed = true;
    r->rest = (struct span){ NULL, 0 };
}

/* The one bounds check: `len` bytes, or NULL and a failed reader. */
static const uint8_t *advance(struct reader *r, size_t len)
{
    if (r->failed || len > r->rest.len) {
        fail(r);
        return NULL;
    }
    const uint8_t *at = r->rest.at;
    if (len) {
        r->rest.at += len;
        r->rest.len -= len;
        r->pos += len;
    }
    return at;
}

static uint64_t read_le(struct reader *r, size_t size)
{
    const uint8_t *at = advance(r, size);
    uint64_t v = 0;

    for (size_t i = size; at && i > 0; i--)
        v = v << 8 | at[i - 1];
    return v;
}

static uint64_t read_be(struct reader *r, size_t size)
{
    const uint8_t *at = advance(r, size);
    uint64_t v = 0;

    for (size_t i = 0; at && i < size; i++)
        v = v << 8 | at[i];
    return v;
}

uint8_t reader_u8(struct reader *r)
{
    const uint8_t *at = advance(r, 1);

    return at ? *at : 0;
}

uint16_t reader_u16le(struct reader *r)
{
    return (uint16_t)read_le(r, 2);
}

uint32_t reader_u32le(struct reader *r)
{
    return (uint32_t)read_le(r, 4);
}

uint64_t reader_u64le(struct reader *r)
{
    return read_le(r, 8);
}

uint16_t reader_u16be(struct reader *r)
{
    return (uint16_t)read_be(r, 2);
}

uint32_t reader_u32be(struct reader *r)
{
    return (uint32_t)read_be(r, 4);
}

uint64_t reader_u64be(struct reader *r)
{
    return read_be(r, 8);
}

struct span reader_take(struct reader *r, size_t len)
{
    const uint8_t *at = advance(r, len);

    return r->failed ? (struct span){ NULL, 0 } : (struct span){ at, len };
}

void reader_copy(struct reader *r, void *to, size_t len)
{
    const uint8_t *at = advance(r, len);

    if (len == 0)
        return;
    if (at)
        memcpy(to, at, len);
    else
        memset(to, 0, len);
}

struct span reader_while(struct reader *r, const bool accepted[256])
{
    size_t len = 0;

    while (len < r->rest.len && accepted[r->rest.at[len]])
        len++;
    return reader_take(r, len);
}

uint8_t reader_peek(const struct reader *r)
{
    return r->rest.len ? r->rest.at[0] : 0;
}

struct span reader_rest(struct reader *r)
{
    return reader_take(r, r->rest.len);
}

struct reader reader_sub(struct reader *r, size_t len)
{
    struct reader sub = { .pos = r->pos, .depth = (uint8_t)(r->depth + 1) };

    if (sub.depth > READER_DEPTH_MAX)
        fail(r);
    sub.rest = reader_take(r, len);
    sub.failed = r->failed;
    return sub;
}

void reader_require(struct reader *r, bool ok)
{
    if (!ok)
        fail(r);
}

fallible reader_good_at(const struct reader *r, const char *what)
{
    if (!r->failed)
        return OK;
    uint32_t at = r->pos > UINT32_MAX ? UINT32_MAX : (uint32_t)r->pos;
    return (struct err){ .kind = FAIL_INPUT, .at = at, .what = what };
}

fallible reader_end_at(const struct reader *r, const char *what)
{
    TRY(reader_good_at(r, what));
    if (r->rest.len == 0)
        return OK;
    uint32_t at = r->pos > UINT32_MAX ? UINT32_MAX : (uint32_t)r->pos;
    return (struct err){ .kind = FAIL_INPUT, .at = at, .what = what };
}
