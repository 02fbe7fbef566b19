// SPDX-License-Identifier: Apache-2.0
/*
 * Evidence on the wire: a RATS Conceptual Message Wrapper (RFC 9999) in JSON form, that is a record
 * ["<media type>", "<base64url>"] or a collection of records; or a bare piece, as tools have in
 * files, told by its own structure. The media type says only what the sender means: the piece
 * itself decides, and must agree.
 */
#ifndef EVIDENCE_BUNDLE_H
#define EVIDENCE_BUNDLE_H

#include "base/bounds.h"
#include "base/buf.h"

enum piece_kind {
    PIECE_ANY_QUOTE, /* a bare quote of Intel's: no declared type */
    PIECE_SGX_QUOTE,
    PIECE_TDX_QUOTE,
    PIECE_SNP_REPORT,
    PIECE_TPM_QUOTE,
    PIECE_AZURE_VTPM,
    PIECE_CC_LOG,
    PIECE_SAMPLE
};

struct bundle {
    struct bundle_piece {
        enum piece_kind kind;
        struct span bytes; /* into `owned_bytes`, or the input for a bare piece */
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

/* A record of one piece. */
fallible bundle_write_record(enum piece_kind kind, struct span bytes, struct buf *out);

#endif
