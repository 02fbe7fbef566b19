// SPDX-License-Identifier: Apache-2.0
/*
 * The only code that does arithmetic on a span of outside bytes. Failure sticks: a failed reader
 * yields zeros and empty spans, so a parser has no branch until reader_end(), and nothing read is
 * used for a decision before it. At most one read per statement besides a nested length: C leaves
 * the order of arguments and initializers open (C17 6.7.9p23).
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "base/err.h"
#include "base/span.h"

#define READER_DEPTH_MAX 8 /* nested reader_sub() */

struct reader {
    struct span rest;
    size_t pos; /* offset in the outermost span, for messages */
    uint8_t depth;
    bool failed;
};

struct reader reader_of(struct span in);

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16le(struct reader *r);
uint32_t reader_u32le(struct reader *r);
uint64_t reader_u64le(struct reader *r);
uint16_t reader_u16be(struct reader *r);
uint32_t reader_u32be(struct reader *r);
uint64_t reader_u64be(struct reader *r);

/* The next `len` bytes, borrowed from the input. */
struct span reader_take(struct reader *r, size_t len);
/* Copies exactly `len` bytes; zero-fills `to` on failure. */
void reader_copy(struct reader *r, void *to, size_t len);
/* The longest run of bytes that the table accepts; may be empty. */
struct span reader_while(struct reader *r, const bool accepted[256]);
/* The next byte, which stays; 0 at the end. */
uint8_t reader_peek(const struct reader *r);
/* All that is left. */
struct span reader_rest(struct reader *r);
/* A nested reader over the next `len` bytes, which must end at its own end (reader_end on it). */
struct reader reader_sub(struct reader *r, size_t len);
/* Marks the reader as failed when `ok` is false: for a length or count above its named maximum. */
void reader_require(struct reader *r, bool ok);

/* All consumed and nothing missing, else FAIL_INPUT with `what` and the offset. */
fallible reader_end_at(const struct reader *r, const char *what);
#define reader_end(r, text) reader_end_at((r), "" text)
/* Nothing missing; trailing bytes are allowed. */
fallible reader_good_at(const struct reader *r, const char *what);
#define reader_good(r, text) reader_good_at((r), "" text)

#endif
