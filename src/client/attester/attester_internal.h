// SPDX-License-Identifier: Apache-2.0
/* What each platform interface offers to attester.c. */
#ifndef CLIENT_ATTESTER_INTERNAL_H
#define CLIENT_ATTESTER_INTERNAL_H

#include "client/attester/attester.h"

enum evidence_type { EVIDENCE_TDX, EVIDENCE_SGX, EVIDENCE_SNP, EVIDENCE_TPM };
/* By the name that an evidence socket gives it: "tdx-quote", "sgx-quote", "snp-report",
 * "tpm-quote". */
fallible evidence_type_parse(struct span name, enum evidence_type *out);

fallible tsm_quote(const char *path, struct span report_data, enum evidence_type *type,
                   struct buf *quote);
/* `place`: attester/tpm_place.h. */
fallible tpm_quote(const char *place, struct span report_data, enum evidence_type *type,
                   struct buf *evidence);
fallible evidence_socket_quote(const char *path, struct span report_data, enum evidence_type *type,
                               struct buf *quote);

/* The answer of an evidence socket, one line of JSON. */
fallible evidence_answer_parse(struct span text, enum evidence_type *type, struct buf *quote);

#endif
