// SPDX-License-Identifier: Apache-2.0
/* A TPM in software, as far as a verifier can see one: keys, quotes over PCRs and evidence, each field of which a test
 * may set wrong before it is signed. */
#ifndef TESTS_TPM_CASE_H
#define TESTS_TPM_CASE_H

#include "vector_set.h"

#include "crypto/signature.h"
#include "evidence/tpm_evidence.h"
#include "evidence/tpm_structures.h"

#define TPM_AK_ATTRIBUTES (TPM_FIXED_TPM | TPM_FIXED_PARENT | TPM_SENSITIVE_DATA_ORIGIN | TPM_RESTRICTED | TPM_SIGN | 0x40U)

struct tpm_case {
    struct key *key;
    /* of the key */
    uint32_t attributes;
    uint16_t scheme, scheme_hash, name_alg;
    /* of the quote */
    uint32_t magic;
    uint16_t type;
    struct buf extra;
    struct tpm_selection selection; /* what the quote says */
    struct buf values;              /* part 4 of the evidence */
    struct buf digested;            /* what pcrDigest is over; as `values` where empty */
    uint16_t sign_scheme, sign_hash;
    struct key *signer; /* another key than its own; NULL: none */
    /* parts of the evidence */
    struct buf certificate, event_log, ima_log;
    bool without_ak;
    /* what came out, made by tpm_case_make() */
    struct buf ak, quote, signature, evidence;
};

/* One SHA-256 bank of PCRs 0 to 7 and 10, of which PCR n is filled with the byte n; report data all 0x5a. */
void tpm_case_init(struct tpm_case *c, enum key_kind kind);
void tpm_case_done(struct tpm_case *c);
static inline void tpm_case_donep(struct tpm_case *c)
{
    tpm_case_done(c);
}
void tpm_case_select(struct tpm_case *c, uint16_t alg, uint32_t mask);
/* Its values, those of `of`'s registers. */
void tpm_case_values(struct tpm_case *c, const uint8_t (*registers)[DIGEST_MAX]);
void tpm_case_make(struct tpm_case *c);
/* The name of its key, hex. */
void tpm_case_name(const struct tpm_case *c, char out[2 * 66 + 1]);

extern const uint8_t tpm_case_report_data[64];

#endif
