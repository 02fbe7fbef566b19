// SPDX-License-Identifier: Apache-2.0
/* The checks of a TPM's quote and of the logs beside it. */
#ifndef VERIFY_TPM_CHECKS_H
#define VERIFY_TPM_CHECKS_H

#include "verify/check_list.h"

enum tpm_check {
    TPM_CHECK_FORMAT,
    TPM_CHECK_KEY,
    TPM_CHECK_TRUST,
    TPM_CHECK_REVOCATION, /* left out where no certificate is trusted */
    TPM_CHECK_SCHEME,
    TPM_CHECK_SIGNATURE,
    TPM_CHECK_PCRS,
    TPM_CHECK_EVENT_LOG, /* left out where there is none */
    TPM_CHECK_IMA_LOG,   /* likewise */
    TPM_CHECK_REPORT_DATA,
    TPM_CHECK_COUNT
};

#define TPM_PART2 "TPM 2.0 Library part 2, "
#define TPM_FIRMWARE_PROFILE "TCG PC Client Platform Firmware Profile, "
#define TPM_RULES "docs/verification.md, "
/* The rows of a table, which those of a kind that carries a TPM's quote begin with, too. */
#define TPM_CHECK_ROWS                                                                             \
    [TPM_CHECK_FORMAT] = { "tpm_format", CHECK_NOT_CHECKED,                                        \
                           TPM_PART2 "TPMS_ATTEST, TPMT_SIGNATURE, TPMT_PUBLIC; docs/protocol.md", \
                           NULL },                                                                 \
    [TPM_CHECK_KEY] = { "tpm_key", CHECK_NOT_CHECKED,                                              \
                        TPM_PART2 "TPMA_OBJECT: restricted signing key that never leaves its TPM", \
                        NULL },                                                                    \
    [TPM_CHECK_TRUST] = { "tpm_key_trust", CHECK_NOT_CHECKED, TPM_RULES "trust in a TPM's key",    \
                          NULL },                                                                  \
    [TPM_CHECK_REVOCATION] = { "tpm_revocation", CHECK_NOT_CHECKED, "RFC 5280 section 6.3",        \
                               NULL },                                                             \
    [TPM_CHECK_SCHEME] = { "tpm_scheme", CHECK_NOT_CHECKED,                                        \
                           TPM_PART2 "TPMT_SIG_SCHEME; " TPM_RULES "hashes", NULL },               \
    [TPM_CHECK_SIGNATURE] = { "tpm_signature", CHECK_NOT_CHECKED,                                  \
                              "TPM 2.0 Library part 3, TPM2_Quote", NULL },                        \
    [TPM_CHECK_PCRS] = { "tpm_pcr_values", CHECK_NOT_CHECKED,                                      \
                         TPM_PART2 "TPMS_QUOTE_INFO, pcrDigest", NULL },                           \
    [TPM_CHECK_EVENT_LOG] = { "event_log", CHECK_NOT_CHECKED,                                      \
                              TPM_FIRMWARE_PROFILE "section 10, replay", NULL },                   \
    [TPM_CHECK_IMA_LOG] = { "ima_log", CHECK_NOT_CHECKED, TPM_RULES "IMA list", NULL },            \
    [TPM_CHECK_REPORT_DATA] = { "report_data", CHECK_NOT_CHECKED, TPM_RULES "report data", NULL },

extern const struct check_table tpm_checks;

#endif
