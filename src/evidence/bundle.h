// SPDX-License-Identifier: Apache-2.0
/*
 * Evidence on the wire: a RATS Conceptual Message Wrapper (RFC 9999) in JSON form, that is a record
 * ["<media type>", "<base64url>"] or a collection of records; or a bare quote, as tools have in files.
 * The media type says only what the sender means: the piece itself decides, and must agree.
 */
#ifndef EVIDENCE_BUNDLE_H
#define EVIDENCE_BUNDLE_H

#include "base/buf.h"

#define EVIDENCE_MAX (256U << 10)
#define BUNDLE_PIECES_MAX 4

enum piece_kind { PIECE_ANY_QUOTE /* bare: no declared type */, PIECE_SGX_QUOTE, PIECE_TDX_QUOTE };

struct bundle {
    struct bundle_piece {
        enum piece_kind kind;
        struct span bytes;   /* into `owned_bytes`, or the input for a bare quote */
        struct buf owned_bytes;
    } pieces[BUNDLE_PIECES_MAX];
    size_t count;
    bool collection;
};

fallible bundle_parse(struct span in, struct bundle *out);
void bundle_done(struct bundle *b);
static inline void bundle_donep(struct bundle *b)
{
    bundle_done(b);
}

/* A record of one quote. */
fallible bundle_write_record(enum piece_kind kind, struct span bytes, struct buf *out);

#endif
