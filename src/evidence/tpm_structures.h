// SPDX-License-Identifier: Apache-2.0
/*
 * Structures of TPM 2.0 (Trusted Platform Module Library, part 2) as a TPM marshals them:
 * big-endian, each length in front. Parsing only; a parsed structure holds spans into its input.
 */
#ifndef EVIDENCE_TPM_STRUCTURES_H
#define EVIDENCE_TPM_STRUCTURES_H

#include "base/bounds.h"
#include "base/reader.h"

/* TPM_ALG_ID */
#define TPM_ALG_RSA 0x0001U
#define TPM_ALG_SHA1 0x0004U
#define TPM_ALG_SHA256 0x000bU
#define TPM_ALG_SHA384 0x000cU
#define TPM_ALG_SHA512 0x000dU
#define TPM_ALG_NULL 0x0010U
#define TPM_ALG_RSASSA 0x0014U
#define TPM_ALG_RSAPSS 0x0016U
#define TPM_ALG_ECDSA 0x0018U
#define TPM_ALG_ECC 0x0023U

/* TPMA_OBJECT */
#define TPM_FIXED_TPM (1U << 1)
#define TPM_FIXED_PARENT (1U << 4)
#define TPM_SENSITIVE_DATA_ORIGIN (1U << 5)
#define TPM_RESTRICTED (1U << 16)
#define TPM_DECRYPT (1U << 17)
#define TPM_SIGN (1U << 18)

#define TPM_PCRS 24

/* Size of the hash's output; 0: no hash that is known here. */
size_t tpm_hash_size(uint16_t alg);

/* TPML_PCR_SELECTION: bit n of `mask` is PCR n. A bank stands in it at most once. */
struct tpm_selection {
    struct {
        uint16_t alg;
        uint32_t mask;
    } banks[TPM_BANKS_MAX];
    size_t count;
};

/* TPMS_ATTEST of type quote. */
struct tpm_quote {
    struct span signer; /* qualified name */
    struct span extra;  /* qualifying data */
    uint64_t clock, firmware;
    uint32_t resets, restarts;
    bool safe;
    struct tpm_selection selection;
    struct span pcr_digest;
};
/* The magic, the type and the length are right, or FAIL_INPUT. */
fallible tpm_quote_parse(struct span in, struct tpm_quote *out);

/* TPMT_SIGNATURE. */
struct tpm_signature {
    uint16_t scheme, hash;
    struct span rsa;  /* RSASSA, RSAPSS */
    struct span r, s; /* ECDSA; as long as the TPM writes them */
};
fallible tpm_signature_parse(struct span in, struct tpm_signature *out);

/* TPMT_PUBLIC of an RSA or an ECC key. */
struct tpm_public {
    uint16_t type, name_alg;
    uint32_t attributes;
    struct span auth_policy;
    uint16_t symmetric, symmetric_bits, symmetric_mode; /* of storage keys; TPM_ALG_NULL: none */
    uint16_t scheme, scheme_hash;                       /* TPM_ALG_NULL: chosen at each signature */
    uint16_t bits, curve;                               /* RSA; ECC: TPM_ECC_CURVE */
    uint32_t exponent;                                  /* RSA; 65537 where the structure says 0 */
    struct span modulus, x, y;
};
fallible tpm_public_parse(struct span in, struct tpm_public *out);

#endif
