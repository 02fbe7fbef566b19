// SPDX-License-Identifier: Apache-2.0
/*
 * TTLV, the encoding of KMIP (KMIP 1.4 section 9.1): a tag of three bytes, a type, a length of four
 * bytes, the value, zeros up to a multiple of eight. Structures nest.
 *
 * Reading: each structure is picked apart by a table of the fields that are wanted; others are
 * passed over, but one that is wanted and there twice, or of another type, fails (lesson L10).
 * Writing: into secure memory of fixed room, for keys pass here.
 */
#ifndef KEYS_TTLV_H
#define KEYS_TTLV_H

#include "base/reader.h"
#include "crypto/secret.h"

#define TTLV_HEAD 8

enum ttlv_type {
    TTLV_STRUCTURE = 1,
    TTLV_INTEGER,
    TTLV_LONG,
    TTLV_BIG_INTEGER,
    TTLV_ENUMERATION,
    TTLV_BOOLEAN,
    TTLV_TEXT,
    TTLV_BYTES,
    TTLV_DATE,
    TTLV_INTERVAL,
    TTLV_DATE_EXTENDED /* microseconds; KMIP 2.0 */
};

struct ttlv {
    uint32_t tag;
    uint8_t type;
    struct span value; /* without padding */
};

/* The next item; a failed reader yields zeros. */
struct ttlv ttlv_next(struct reader *r);

struct ttlv_field {
    uint32_t tag;
    enum ttlv_type type;
    bool required;
    struct span *value; /* stays as it was where the field is not there */
};
/* The fields of a structure's value. */
fallible ttlv_pick(struct span structure, const struct ttlv_field *fields, size_t count);
/* An integer, enumeration or interval. */
uint32_t ttlv_u32(struct span value);

struct ttlv_writer {
    struct secret *room; /* borrowed */
    size_t len;
    bool failed;
};
struct ttlv_writer ttlv_writer_of(struct secret *room);
/* What stands between is inside the structure. */
size_t ttlv_begin(struct ttlv_writer *w, uint32_t tag);
void ttlv_end(struct ttlv_writer *w, size_t mark);
void ttlv_add_integer(struct ttlv_writer *w, uint32_t tag, uint32_t v);
void ttlv_add_enumeration(struct ttlv_writer *w, uint32_t tag, uint32_t v);
void ttlv_add_text(struct ttlv_writer *w, uint32_t tag, struct span text);
void ttlv_add_bytes(struct ttlv_writer *w, uint32_t tag, struct span bytes);

#endif
