// SPDX-License-Identifier: Apache-2.0
#include "verify/tpm_checks.h"

#define PART2 "TPM 2.0 Library part 2, "
#define FIRMWARE "TCG PC Client Platform Firmware Profile, "
#define RULES "docs/verification.md, "

const struct check tpm_check_rows[TPM_CHECK_COUNT] = {
    [TPM_CHECK_FORMAT] = { "tpm_format", CHECK_NOT_CHECKED, PART2 "TPMS_ATTEST, TPMT_SIGNATURE, TPMT_PUBLIC; docs/protocol.md", NULL },
    [TPM_CHECK_KEY] = { "tpm_key", CHECK_NOT_CHECKED, PART2 "TPMA_OBJECT: restricted signing key that never leaves its TPM", NULL },
    [TPM_CHECK_TRUST] = { "tpm_key_trust", CHECK_NOT_CHECKED, RULES "trust in a TPM's key", NULL },
    [TPM_CHECK_SCHEME] = { "tpm_scheme", CHECK_NOT_CHECKED, PART2 "TPMT_SIG_SCHEME; " RULES "hashes", NULL },
    [TPM_CHECK_SIGNATURE] = { "tpm_signature", CHECK_NOT_CHECKED, "TPM 2.0 Library part 3, TPM2_Quote", NULL },
    [TPM_CHECK_PCRS] = { "tpm_pcr_values", CHECK_NOT_CHECKED, PART2 "TPMS_QUOTE_INFO, pcrDigest", NULL },
    [TPM_CHECK_EVENT_LOG] = { "event_log", CHECK_NOT_CHECKED, FIRMWARE "section 10, replay", NULL },
    [TPM_CHECK_IMA_LOG] = { "ima_log", CHECK_NOT_CHECKED, RULES "IMA list", NULL },
    [TPM_CHECK_REPORT_DATA] = { "report_data", CHECK_NOT_CHECKED, RULES "report data", NULL },
};

const struct check_table tpm_checks = { tpm_check_rows, TPM_CHECK_COUNT };
