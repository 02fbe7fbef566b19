// SPDX-License-Identifier: Apache-2.0
/*
 * The claims that exist: name, type and canonical form of each. One table, from which policies are
 * linted, docs/claims.md is checked, and verifiers are held to what they may say. Claims are one
 * flat JSON object; names are those of the hardware's own structures in lower case.
 *
 * Canonical forms: bytes are lower-case hex, mostly of fixed length; times RFC 3339 in UTC; numbers
 * unsigned.
 */
#ifndef POLICY_CLAIM_H
#define POLICY_CLAIM_H

#include "base/span.h"

enum claim_type {
    CLAIM_BOOL,
    CLAIM_NUMBER,
    CLAIM_TEXT,
    CLAIM_HEX,
    CLAIM_TIME,
    CLAIM_TEXT_LIST,
    CLAIM_EVENT_LIST /* flat objects of texts, numbers and bools */
};

struct claim_row {
    const char *name; /* a star at its end: a number from 0 to 23, "pcr_sha256_7" */
    enum claim_type type;
    uint32_t size;       /* CLAIM_HEX: bytes, 0 where they vary; CLAIM_NUMBER: bits; else 0 */
    const char *values;  /* CLAIM_TEXT with a closed set: "sgx tdx"; CLAIM_EVENT_LIST: the members
                            that an event may have: "register type digest"; else NULL */
    const char *tees;    /* "sgx tdx": where it appears */
    const char *meaning; /* one line */
};

extern const struct claim_row claim_table[]; /* ends with name NULL */

/* A claim of one piece of a bundle has the piece's kind before it, "tdx.mrtd". NULL when there is
 * no such claim. */
const struct claim_row *claim_find(struct span name);
/* The row of a name that stands in no row literally, malloc'ed under that name: NULL when memory is
 * short or there is no such claim. Of a bundle's piece it says where bundles are. */
struct claim_row *claim_named(struct span name);
void claim_named_free(struct claim_row *row);

static inline bool claim_same(const struct claim_row *a, const struct claim_row *b)
{
    return a == b || (a && b && strcmp(a->name, b->name) == 0);
}

#endif
