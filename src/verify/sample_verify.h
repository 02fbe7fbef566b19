// SPDX-License-Identifier: Apache-2.0
/* The `sample` evidence of Confidential Containers, which anybody can make: for trying guests out,
 * where the verifier was told to take it. It says of itself that its host can read it. */
#ifndef VERIFY_SAMPLE_VERIFY_H
#define VERIFY_SAMPLE_VERIFY_H

#include "verify/piece.h"

extern const struct evidence_type sample_evidence_type;

#endif
