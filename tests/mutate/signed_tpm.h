// SPDX-License-Identifier: Apache-2.0
/*
 * The signed bytes of a TPM's evidence (docs/protocol.md), alone or in an Azure VM. Of a log they
 * are, register by register, the digests that were extended: no register contains the type of an
 * event, and its data only where the digest is over them.
 */
#ifndef TESTS_SIGNED_TPM_H
#define TESTS_SIGNED_TPM_H

#include "base/buf.h"

void signed_tpm_view(struct span evidence, struct buf *out);
bool signed_tpm_free_byte(struct span evidence, size_t at, uint8_t now);

#endif
