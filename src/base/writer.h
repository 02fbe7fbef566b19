// SPDX-License-Identifier: Apache-2.0
/* The reader's mirror: appends integers and length-prefixed bytes to a buf, whose failure sticks.
 */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include "base/buf.h"

void write_u8(struct buf *b, uint8_t v);
void write_u16le(struct buf *b, uint16_t v);
void write_u32le(struct buf *b, uint32_t v);
void write_u16be(struct buf *b, uint16_t v);
void write_u32be(struct buf *b, uint32_t v);
void write_u64be(struct buf *b, uint64_t v);
/* u32be length, then the bytes: the form of every hash and signature input of ours, so that two
 * different lists of parts never give the same bytes. */
void write_part(struct buf *b, struct span s);

#endif
