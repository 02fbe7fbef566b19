// SPDX-License-Identifier: Apache-2.0
/*
 * Base64 (RFC 4648 section 4, padded) and base64url (section 5, without padding, the form of JOSE).
 * Parsing is strict: wrong alphabet, wrong padding, white space and non-zero trailing bits fail, so
 * that one value has one form.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

void base64_add(struct buf *b, struct span bytes);
void base64url_add(struct buf *b, struct span bytes);
fallible base64_parse(struct span text, struct buf *out);
fallible base64url_parse(struct span text, struct buf *out);
/* Exactly `len` bytes, else FAIL_INPUT. */
fallible base64url_parse_exact(struct span text, uint8_t *out, size_t len);
/* malloc'ed text, NULL when memory is short. */
char *base64url_dup(struct span bytes);

#endif
