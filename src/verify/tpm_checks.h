// SPDX-License-Identifier: Apache-2.0
/* The checks of a TPM's quote and of the logs beside it. */
#ifndef VERIFY_TPM_CHECKS_H
#define VERIFY_TPM_CHECKS_H

#include "verify/check_list.h"

enum tpm_check {
    TPM_CHECK_FORMAT,
    TPM_CHECK_KEY,
    TPM_CHECK_TRUST,
    TPM_CHECK_SCHEME,
    TPM_CHECK_SIGNATURE,
    TPM_CHECK_PCRS,
    TPM_CHECK_EVENT_LOG, /* left out where there is none */
    TPM_CHECK_IMA_LOG,   /* likewise */
    TPM_CHECK_REPORT_DATA,
    TPM_CHECK_COUNT
};

extern const struct check tpm_check_rows[TPM_CHECK_COUNT];
extern const struct check_table tpm_checks;

#endif
