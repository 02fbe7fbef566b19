// SPDX-License-Identifier: Apache-2.0
#include "http/chunked_internal.h"

#include "base/hex.h"

#define SIZE_DIGITS_MAX 12

static fallible parse_size(struct span line, uint64_t *out)
{
    struct span digits = span_head(line, span_find(line, SPAN(";")));
    uint64_t size = 0;

    while (digits.len && (digits.at[digits.len - 1] == ' ' || digits.at[digits.len - 1] == '\t'))
        digits = span_head(digits, digits.len - 1);
    if (!digits.len || digits.len > SIZE_DIGITS_MAX)
        return FAIL(INPUT, "size of a chunk");
    for (size_t i = 0; i < digits.len; i++) {
        int v = hex_digit(digits.at[i]);
        if (v < 0)
            return FAIL(INPUT, "size of a chunk");
        size = size << 4 | (unsigned)v;
    }
    for (size_t i = 0; i < line.len; i++)
        if (line.at[i] < 0x20 && line.at[i] != '\t')
            return FAIL(INPUT, "size of a chunk");
    *out = size;
    return OK;
}

/* *found: `line` was there in full, and `len` bytes belong to it with its end. */
static fallible take_line(struct span in, struct span *line, size_t *len, bool *found)
{
    size_t end = span_find(in, SPAN("\r\n"));

    *found = end < in.len;
    /* A line that is not there in full may show the first half of its end already. */
    if (end > CHUNK_LINE_MAX + (*found ? 0 : 1))
        return FAIL(INPUT, "line of the chunked coding");
    *line = span_head(in, end);
    *len = end + 2;
    return OK;
}

static fallible feed_size(struct chunked *c, struct buf *in, bool *more)
{
    struct span line;
    size_t len;

    TRY(take_line(buf_span(in), &line, &len, more));
    if (!*more)
        return OK;
    TRY(parse_size(line, &c->left));
    buf_drop_front(in, len);
    c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
    return OK;
}

static fallible feed_data(struct chunked *c, struct buf *in, struct buf *body, bool *more)
{
    if (c->left > body->max - body->len)
        return FAIL(LIMIT, "the body is too large");
    struct span data = span_head(buf_span(in), c->left < in->len ? (size_t)c->left : in->len);
    size_t len = data.len;

    buf_add(body, data);
    TRY(buf_check(body));
    buf_drop_front(in, len);
    c->left -= len;
    if (!c->left)
        c->state = CHUNK_DATA_END;
    *more = len > 0;
    return OK;
}

static fallible feed_data_end(struct chunked *c, struct buf *in, bool *more)
{
    *more = in->len >= 2;
    if (!*more)
        return OK;
    if (!span_starts(buf_span(in), SPAN("\r\n")))
        return FAIL(INPUT, "end of a chunk");
    buf_drop_front(in, 2);
    c->state = CHUNK_SIZE;
    return OK;
}

static fallible feed_trailer(struct chunked *c, struct buf *in, bool *more)
{
    struct span line;
    size_t len;

    TRY(take_line(buf_span(in), &line, &len, more));
    if (!*more)
        return OK;
    if (!line.len)
        c->state = CHUNK_DONE;
    c->trailers += len;
    if (c->trailers > CHUNK_TRAILERS_MAX)
        return FAIL(INPUT, "trailers of the chunked coding");
    buf_drop_front(in, len);
    return OK;
}

fallible chunked_feed(struct chunked *c, struct buf *in, struct buf *body)
{
    bool more = true;

    while (more) {
        switch (c->state) {
        case CHUNK_SIZE:
            TRY(feed_size(c, in, &more));
            break;
        case CHUNK_DATA:
            TRY(feed_data(c, in, body, &more));
            break;
        case CHUNK_DATA_END:
            TRY(feed_data_end(c, in, &more));
            break;
        case CHUNK_TRAILER:
            TRY(feed_trailer(c, in, &more));
            break;
        case CHUNK_DONE:
            more = false;
            break;
        }
    }
    return OK;
}
