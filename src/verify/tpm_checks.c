// SPDX-License-Identifier: Apache-2.0
#include "verify/tpm_checks.h"

static const struct check rows[TPM_CHECK_COUNT] = { TPM_CHECK_ROWS };

const struct check_table tpm_checks = { rows, TPM_CHECK_COUNT };
