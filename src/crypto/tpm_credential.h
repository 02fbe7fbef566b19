// SPDX-License-Identifier: Apache-2.0
/*
 * The maker's side of TPM credential activation (TPM 2.0 Library part 1, section 24, "Credential
 * Protection"): a secret that only the TPM with this endorsement key opens, and only while it holds
 * the object of this name. The name goes into both keys, so it must be the one that the caller
 * computed.
 */
#ifndef CRYPTO_TPM_CREDENTIAL_H
#define CRYPTO_TPM_CREDENTIAL_H

#include "crypto/digest.h"
#include "crypto/key.h"

#define TPM_CREDENTIAL_SECRET_MAX 32

struct tpm_credential_key {
    const struct key *ek;      /* RSA, P-256 or P-384 */
    enum digest_kind name_alg; /* of the endorsement key */
    unsigned aes_bits;         /* of its symmetric algorithm: 128 or 256, CFB */
};

/* Contents of TPM2B_ID_OBJECT and of TPM2B_ENCRYPTED_SECRET. */
fallible tpm_credential_make(const struct tpm_credential_key *k, struct span object_name,
                             struct span secret, struct buf *id_object, struct buf *encrypted_seed);

#endif
