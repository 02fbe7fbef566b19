// SPDX-License-Identifier: Apache-2.0
/*
 * Enrolment of an attestation key by credential activation: that the key lives in the same TPM as
 * an endorsement key whose certificate ends at a configured CA. Endorsement key, attestation key
 * and outcome are tied in one step: the challenge is over the name that is computed here, and what
 * is remembered of it (the hash of the secret, the name, the certificate) is all that its answer is
 * compared with.
 */
#ifndef VERIFY_TPM_ENROLMENT_H
#define VERIFY_TPM_ENROLMENT_H

#include "base/bounds.h"
#include "verify/tpm_trust.h"

#define TPM_ENROLMENT_SECRET 32

struct tpm_enrolment_request {
    struct span ek_certificates;      /* PEM: the endorsement key's, then its CAs; or one in DER */
    struct span ek_public, ak_public; /* TPMT_PUBLIC or TPM2B_PUBLIC */
};

struct tpm_enrolment {
    uint8_t name[TPM_NAME_MAX]; /* of the attestation key */
    size_t name_len;
    uint8_t ek_certificate[32]; /* SHA-256 */
    uint8_t secret_hash[32];    /* SHA-256 of what the TPM must give back */
};

/* `*wrong`: why there is no challenge; else `blob` is what tpm2_activatecredential takes. */
fallible tpm_enrolment_begin(const struct tpm_trust *t, const struct tpm_enrolment_request *q,
                             int64_t at, struct tpm_enrolment *out, struct buf *blob,
                             const char **wrong);
/* The name of an attestation key, for one that is enrolled by the operator's word. */
fallible tpm_enrolment_name(struct span ak_public, uint8_t name[TPM_NAME_MAX], size_t *len,
                            const char **wrong);
bool tpm_enrolment_answered(const struct tpm_enrolment *e, struct span secret);

#endif
