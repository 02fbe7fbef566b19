// SPDX-License-Identifier: Apache-2.0
/* Percent-decoding (RFC 3986 section 2.1) and the query of a request. */
#ifndef HTTP_QUERY_INTERNAL_H
#define HTTP_QUERY_INTERNAL_H

#include "base/bounds.h"
#include "base/buf.h"

struct query {
    struct buf text; /* decoded names and values, one after another */
    size_t count;
    bool repeats; /* a name came again */
    struct query_pair {
        size_t name, value, end; /* offsets in text */
    } pairs[QUERY_PAIRS_MAX];
};

/* FAIL_INPUT: a % without two hex digits, or an encoded NUL. */
fallible percent_decode(struct span raw, bool plus_is_space, struct buf *out);
/* `q` is zero. FAIL_INPUT: bad encoding or too many pairs. */
fallible query_parse(struct span raw, struct query *q);
void query_done(struct query *q);
/* The first one of this name. */
bool query_find(const struct query *q, const char *name, struct span *value);

#endif
