// SPDX-License-Identifier: Apache-2.0
/* Hexadecimal text. Output is lower case, the canonical form of every digest and measurement. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/buf.h"

/* 0 to 15, or -1; either case. */
int hex_digit(uint8_t c);
void hex_add(struct buf *b, struct span bytes);
/* `out` has room for 2 * bytes.len + 1. Returns out. */
char *hex_str(struct span bytes, char *out);
/* Either case; exactly 2 * len digits, else FAIL_INPUT. */
fallible hex_parse_exact(struct span text, uint8_t *out, size_t len);
/* Any even length; appends to `out`. */
fallible hex_parse(struct span text, struct buf *out);

#endif
