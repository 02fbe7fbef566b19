// SPDX-License-Identifier: Apache-2.0
/*
 * A TPM's quote under verification, whatever vouches for its key: of a TPM by itself (tpm_verify.c)
 * and of a confidential VM whose hardware report names the key (azure_verify.c). The state owns a
 * copy of the evidence, into which everything parsed points, and lives as long as the result.
 */
#ifndef VERIFY_TPM_QUOTE_H
#define VERIFY_TPM_QUOTE_H

#include "evidence/tpm_evidence.h"
#include "evidence/tpm_structures.h"
#include "verify/event_claims.h"
#include "verify/piece.h"
#include "verify/tpm_checks.h"
#include "verify/tpm_trust.h"

enum tpm_trusted_by {
    TPM_BY_NOBODY,
    TPM_BY_ENROLMENT,
    TPM_BY_EK_CERTIFICATE,
    TPM_BY_AK_CERTIFICATE,
    TPM_BY_HARDWARE_REPORT
};
const char *tpm_trusted_by_name(enum tpm_trusted_by by); /* the claim `ak_trust` */

struct tpm_state {
    struct buf bytes;
    struct tpm_evidence evidence;
    struct tpm_quote quote;
    struct tpm_signature signature;
    struct key *key;            /* of the attestation key */
    uint8_t name[TPM_NAME_MAX]; /* its TPM name; name_len 0: its public area is not known */
    size_t name_len;
    enum tpm_trusted_by by;
    char label[TPM_LABEL_MAX + 1]; /* of an enrolled key */
    bool revocation_checked;       /* of each certificate of its chain */
    bool genuine;                  /* trusted, signed, and the values are those that were quoted */
    struct event_log log;
    struct explained boot;
    size_t ima_entries; /* of the list, those that the quoted value contains */
    struct explained ima;
    size_t ima_violations;
};

/* Copies and parses. `wrong`: why it is no evidence of a TPM; the state is there all the same. */
fallible tpm_state_new(struct span bytes, struct tpm_state **out, const char **wrong);
void tpm_state_free(void *state);

/* Everything from the signing scheme on, once the key is there. The ids are those of enum
 * tpm_check. */
fallible tpm_quote_judge(struct tpm_state *s, const struct verify_input *in, struct check_list *l);

/* The value of a quoted PCR; empty: it was not quoted. */
struct span tpm_pcr_value(const struct tpm_state *s, uint16_t alg, unsigned index);

/* tpm_logs.c */
fallible tpm_event_log_judge(struct tpm_state *s, struct check_list *l);
fallible tpm_ima_log_judge(struct tpm_state *s, struct check_list *l);

/* tpm_claims.c */
fallible tpm_quote_claims(const struct tpm_state *s, json_t *to);
#endif
