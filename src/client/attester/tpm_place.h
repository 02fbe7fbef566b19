// SPDX-License-Identifier: Apache-2.0
/* Where a TPM and its attestation key are, as one line of configuration. */
#ifndef CLIENT_ATTESTER_TPM_PLACE_H
#define CLIENT_ATTESTER_TPM_PLACE_H

#include "base/err.h"
#include "base/span.h"

struct tpm_place {
    struct span tcti;               /* of tpm2-tss: "device:/dev/tpmrm0" */
    uint32_t handle;                /* persistent handle of the attestation key */
    uint32_t pcrs;                  /* bit n: PCR n is quoted */
    struct span event_log, ima_log; /* paths; empty: none is sent */
};

/* "TCTI HANDLE [PCRS [EVENT-LOG [IMA-LIST]]]", words between single spaces; PCRS "0,1,4" (default 0
 * to 7), "-" for no path. */
fallible tpm_place_parse(struct span text, struct tpm_place *out);

#endif
