// SPDX-License-Identifier: Apache-2.0
/*
 * A span is borrowed, read-only bytes with their length. It never owns; whoever made the bytes
 * says how long they live. Arithmetic on its pointer is the reader's alone (base/reader.h).
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *at;
    size_t len;
};

/* A string literal without its terminator. */
#define SPAN(literal) ((struct span){ (const uint8_t *)("" literal), sizeof(literal) - 1 })
/* A fixed-size byte array. */
#define SPAN_OF(array) ((struct span){ (const uint8_t *)(array), sizeof(array) })

static inline struct span span_from(const void *at, size_t len)
{
    return (struct span){ at, len };
}

/* NULL gives the empty span. */
static inline struct span span_str(const char *s)
{
    return (struct span){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

bool span_equal(struct span a, struct span b);
/* Time depends on the lengths only. */
bool span_equal_secret(struct span a, struct span b);
bool span_equal_str(struct span a, const char *s);
bool span_is_zero(struct span s);
bool span_starts(struct span s, struct span prefix);
/* Offset of `needle`, or s.len where it is absent. */
size_t span_find(struct span s, struct span needle);
/* The first `len` bytes, or all where fewer are there; and what follows them. */
struct span span_head(struct span s, size_t len);
struct span span_tail(struct span s, size_t from);
/* malloc'ed, NUL-terminated copy, NULL when memory is short. Embedded NULs are the caller's
 * concern. */
char *span_dup(struct span s);

#endif
