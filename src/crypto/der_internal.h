// SPDX-License-Identifier: Apache-2.0
/*
 * DER (X.690): reading over base/reader, writing backwards into a buffer of fixed room.
 * Definite, minimal lengths of up to 4 bytes and one-byte tags only; anything else fails the
 * reader.
 */
#ifndef CRYPTO_DER_INTERNAL_H
#define CRYPTO_DER_INTERNAL_H

#include "base/reader.h"

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8 = 0x0c,
    DER_PRINTABLE = 0x13,
    DER_IA5 = 0x16,
    DER_UTC_TIME = 0x17,
    DER_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31
};
#define DER_CONTEXT(n) ((uint8_t)(0x80 + (n)))             /* [n], primitive */
#define DER_CONTEXT_CONSTRUCTED(n) ((uint8_t)(0xa0 + (n))) /* [n], constructed */

/* Is the next element's tag this one? False at the end. */
bool der_next_is(const struct reader *r, uint8_t tag);
/* The next element's content, as a nested reader or as bytes. */
struct reader der_enter(struct reader *r, uint8_t tag);
struct span der_value(struct reader *r, uint8_t tag);
/* The next element whole, with its tag and length; of any kind, or of this tag. */
struct span der_any(struct reader *r, uint8_t *tag);
struct span der_whole(struct reader *r, uint8_t tag);
/* INTEGER: not negative, minimal; without leading zeros, but zero is one zero byte. */
struct span der_unsigned(struct reader *r);
uint32_t der_small(struct reader *r, uint32_t max);
/* BOOLEAN. */
bool der_bool(struct reader *r);
/* BIT STRING with no unused bits. */
struct span der_bits(struct reader *r);
/* UTCTime or GeneralizedTime in "Z", to the second. */
int64_t der_time(struct reader *r);
/* Cuts leading zero bytes, keeping the last byte. */
struct span der_strip_zeros(struct span s);

/* Writing: from the end to the front, so that lengths are known when they are due. */
struct der_writer {
    uint8_t *start;
    size_t room, left; /* content lies in start[left..room) */
    bool failed;
};
struct der_writer der_writer_of(uint8_t *at, size_t room);
void der_put(struct der_writer *w, struct span bytes);
void der_put_u8(struct der_writer *w, uint8_t v);
size_t der_mark(const struct der_writer *w);
/* Puts tag and length before all that was put since `mark`. */
void der_wrap(struct der_writer *w, uint8_t tag, size_t mark);
void der_put_value(struct der_writer *w, uint8_t tag, struct span content);
void der_put_unsigned(struct der_writer *w, struct span big_endian);
void der_put_small(struct der_writer *w, uint64_t v);
void der_put_bool(struct der_writer *w, bool v);
void der_put_bits(struct der_writer *w, struct span bytes);
/* GeneralizedTime from 2050 on, UTCTime before (RFC 5280 section 4.1.2.5). */
void der_put_time(struct der_writer *w, int64_t at);
struct span der_written(const struct der_writer *w);

#endif
