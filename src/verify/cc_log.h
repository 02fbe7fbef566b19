// SPDX-License-Identifier: Apache-2.0
/* The confidential computing event log (CCEL) of a TD: what its run-time measurement registers were
 * extended with. */
#ifndef VERIFY_CC_LOG_H
#define VERIFY_CC_LOG_H

#include "verify/piece.h"

extern const struct evidence_type cc_log_type;

#endif
