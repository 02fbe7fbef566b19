// SPDX-License-Identifier: Apache-2.0
/*
 * Evidence as guests of Confidential Containers send it, JSON of a kind for each TEE, read into the
 * form in which it is verified here (bundle.h). Nothing is judged: the bytes that the hardware
 * signed are put together again, and their signature says whether that was right.
 */
#ifndef EVIDENCE_GUEST_EVIDENCE_H
#define EVIDENCE_GUEST_EVIDENCE_H

#include "base/bounds.h"
#include "base/json.h"

/* A JSON text {"tee": "tdx"|"sgx"|"snp"|"sample", "evidence": <what the guest sent>}. */
#define GUEST_EVIDENCE_TYPE "application/vnd.warder.cc-guest-evidence+json"

/* `in`: such a text. FAIL_INPUT: it is not what a guest of this TEE sends. */
fallible guest_evidence_read(struct span in, struct buf *out);

/* The report (1184 bytes) of AMD's, whose fields stand in JSON one by one, and its table of
 * certificates. */
fallible guest_snp_read(const json_t *evidence, struct buf *out);

#endif
