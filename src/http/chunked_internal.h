// SPDX-License-Identifier: Apache-2.0
/* The chunked transfer coding (RFC 9112 section 7.1), as the bytes come. Extensions and trailers
 * are read and dropped. */
#ifndef HTTP_CHUNKED_INTERNAL_H
#define HTTP_CHUNKED_INTERNAL_H

#include "base/bounds.h"
#include "base/buf.h"

enum chunked_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_DONE };

struct chunked {
    enum chunked_state state;
    uint64_t left;   /* of this chunk's data */
    size_t trailers; /* bytes of trailers so far */
};

/* Takes from the front of `in` what it can, appends data to `body`, whose maximum holds.
 * CHUNK_DONE: the end was seen and what follows is left in `in`. FAIL_INPUT: not chunked coding.
 * FAIL_LIMIT: the body is too large. */
fallible chunked_feed(struct chunked *c, struct buf *in, struct buf *body);

#endif
