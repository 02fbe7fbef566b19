// SPDX-License-Identifier: Apache-2.0
/* Keys of TPMs: what makes an attestation key, and its name. */
#ifndef VERIFY_TPM_VERIFY_H
#define VERIFY_TPM_VERIFY_H

#include "verify/tpm_quote.h"

fallible tpm_public_key(const struct tpm_public *p, struct key **out);
/* Algorithm and digest of the public area; SHA-1 is refused. */
fallible tpm_public_name(struct span public_area, uint16_t name_alg, uint8_t out[TPM_NAME_MAX],
                         size_t *len);
/* NULL: a restricted signing key, made in its TPM, which it never leaves. */
const char *tpm_attestation_key_check(const struct tpm_public *p);

extern const struct evidence_type tpm_evidence_type;

#endif
