// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#define ROOM_MIN 64

struct buf buf_of(size_t max)
{
    return (struct buf){ .max = max };
}

void buf_done(struct buf *b)
{
    free(b->at);
    *b = buf_of(b->max);
}

/* `len` more bytes and the terminator fit, or the buffer fails. */
static bool make_room(struct buf *b, size_t len)
{
    if (b->failed)
        return false;
    if (len > b->max - b->len || len > SIZE_MAX / 4) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + len + 1;
    if (need <= b->room)
        return true;
    size_t room = b->room > SIZE_MAX / 2 ? need : b->room * 2;
    if (room < ROOM_MIN)
        room = ROOM_MIN;
    if (room < need)
        room = need;
    uint8_t *at = realloc(b->at, room);
    if (!at) {
        b->failed = b->starved = true;
        return false;
    }
    b->at = at;
    b->room = room;
    return true;
}

uint8_t *buf_extend(struct buf *b, size_t len)
{
    if (!make_room(b, len))
        return NULL;
    uint8_t *start = b->at + b->len;
    memset(start, 0, len + 1);
    b->len += len;
    return start;
}

void buf_add(struct buf *b, struct span s)
{
    if (!make_room(b, s.len))
        return;
    if (s.len)
        memcpy(b->at + b->len, s.at, s.len);
    b->len += s.len;
    b->at[b->len] = 0;
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, span_str(s));
}

void buf_add_u8(struct buf *b, uint8_t v)
{
    buf_add(b, span_from(&v, 1));
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        b->failed = true;
    } else if (make_room(b, (size_t)len)) {
        (void)vsnprintf((char *)b->at + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void buf_drop_front(struct buf *b, size_t len)
{
    if (len > b->len)
        len = b->len;
    if (len == 0)
        return;
    memmove(b->at, b->at + len, b->len - len + 1);
    b->len -= len;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = b->starved = false;
    if (b->at)
        b->at[0] = 0;
}

struct span buf_span(const struct buf *b)
{
    return (struct span){ b->at, b->len };
}

const char *buf_str(const struct buf *b)
{
    return b->at ? (const char *)b->at : "";
}

fallible buf_check(const struct buf *b)
{
    if (b->starved)
        return FAIL(SYSTEM, "memory is short");
    if (!b->failed)
        return OK;
    return FAIL(LIMIT, "longer than its stated maximum");
}

char *buf_take_str(struct buf *b)
{
    if (b->failed || !make_room(b, 0))
        return NULL;
    b->at[b->len] = 0;
    char *text = (char *)b->at;
    *b = buf_of(b->max);
    return text;
}
