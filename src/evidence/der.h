// SPDX-License-Identifier: Apache-2.0
/*
 * The little of DER (X.690) that certificate extensions need: one tag-length-value at a time, on
 * top of the reader, whose failure sticks. Only single-byte tags and minimal definite lengths exist
 * here.
 */
#ifndef EVIDENCE_DER_H
#define EVIDENCE_DER_H

#include "base/reader.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT_3 = 0xa3
};

struct der_value {
    uint8_t tag;
    struct span content;
};

/* The next value of any tag. */
struct der_value der_next(struct reader *r);
/* The content of the next value, whose tag must be this one. */
struct span der_expect(struct reader *r, uint8_t tag);
/* A non-negative INTEGER or ENUMERATED of at most `max`, minimally encoded. */
uint32_t der_small_number(struct reader *r, uint8_t tag, uint32_t max);
bool der_boolean(struct reader *r);
/* An OCTET STRING of exactly `len` bytes, copied; zeros on failure. */
void der_octets(struct reader *r, void *to, size_t len);

#endif
