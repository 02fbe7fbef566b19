// SPDX-License-Identifier: Apache-2.0
/* Genuine quotes of tests/vectors/tpm and tests/vectors/azure as evidence. */
#ifndef TESTS_TPM_SET_H
#define TESTS_TPM_SET_H

#include "vector_set.h"

#include "evidence/tpm_evidence.h"

struct tpm_set {
    struct buf parts[TPM_PARTS];
    struct buf evidence;
};

void tpm_set_init(struct tpm_set *s);
void tpm_set_done(struct tpm_set *s);
static inline void tpm_set_donep(struct tpm_set *s)
{
    tpm_set_done(s);
}
/* A file of the set becomes a part; false where it is not there. */
bool tpm_set_file(struct tpm_set *s, enum tpm_part part, const char *folder, const char *name);
/* PCR values from JSON: {"0":"hex",...} or {"sha256":{...}}, in the order of the quote's selection. */
void tpm_set_pcrs(struct tpm_set *s, const char *folder, const char *name);
/* A bare RSA signature becomes a TPMT_SIGNATURE: RSASSA with SHA-256. */
void tpm_set_wrap_signature(struct tpm_set *s);
void tpm_set_make(struct tpm_set *s);
/* Its attestation key is believed. */
void tpm_set_enrol(const struct tpm_set *s, struct verifier *v);

#endif
