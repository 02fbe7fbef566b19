// SPDX-License-Identifier: Apache-2.0
/*
 * Which bytes of evidence and collateral are under a signature, or are one: written from the
 * formats, not from the verifier's parsers. Two inputs that verify must agree in all of them.
 */
#ifndef TESTS_SIGNED_VIEW_H
#define TESTS_SIGNED_VIEW_H

#include "base/buf.h"

/* All signed bytes of a part, of a kind told by its name ("quote.bin", "tcb_info.json",
 * "tpm.bin", "pck_crl.der", "x.pem", ...), one after the other with their lengths; empty where the
 * part is not of its form. */
void signed_view(const char *name, struct span part, struct buf *out);

/* May the byte at this place differ, with nothing moved? `part` is the unchanged one. */
bool free_byte(const char *name, struct span part, size_t at, uint8_t now);

#endif
