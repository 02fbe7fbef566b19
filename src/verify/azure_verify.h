// SPDX-License-Identifier: Apache-2.0
/* The vTPM of an Azure confidential VM: its attestation key stands in runtime data whose hash the
 * hardware's report carries. */
#ifndef VERIFY_AZURE_VERIFY_H
#define VERIFY_AZURE_VERIFY_H

#include "verify/piece.h"

extern const struct evidence_type azure_evidence_type;

#endif
