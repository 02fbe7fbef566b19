// SPDX-License-Identifier: Apache-2.0
/*
 * Owned bytes that grow to a stated maximum. Failure sticks (memory, or the maximum): check once
 * with buf_check(). The content is kept NUL-terminated past its end so that text can be printed.
 * Not for key bytes: those live in struct secret (crypto/secret.h).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/err.h"
#include "base/owned.h"
#include "base/span.h"

struct buf {
    uint8_t *at;
    size_t len, room, max;
    bool failed, starved; /* starved: memory was short, not the maximum */
};

/* struct buf b owned(buf_done) = buf_of(MAX); */
struct buf buf_of(size_t max);
void buf_done(struct buf *b); /* frees; leaves an empty buffer with the same maximum */
static inline void buf_donep(struct buf *b)
{
    buf_done(b);
}

void buf_add(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_u8(struct buf *b, uint8_t v);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `len` more bytes, zeroed and counted in; NULL on failure. */
uint8_t *buf_extend(struct buf *b, size_t len);
void buf_drop_front(struct buf *b, size_t len);
void buf_clear(struct buf *b);

struct span buf_span(const struct buf *b);
const char *buf_str(const struct buf *b); /* "" when empty */
/* FAIL_LIMIT when the maximum was hit, FAIL_SYSTEM when memory was short. */
fallible buf_check(const struct buf *b);
/* Hands the bytes over, NUL-terminated, for free(); NULL when the buffer failed. */
char *buf_take_str(struct buf *b);

#endif
