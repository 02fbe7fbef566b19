// SPDX-License-Identifier: Apache-2.0
/*
 * Writes down the evidence of requests, beside them: a request puts a copy into a short queue and
 * goes on, a thread of its own stores what has gathered, a few times a second. What does not fit
 * into the queue is not kept, so a flood costs the disk no more than that.
 */
#ifndef ATTESTD_EVIDENCE_RECORD_H
#define ATTESTD_EVIDENCE_RECORD_H

#include "attestd/evidence_store.h"

struct evidence_record;
fallible evidence_record_open(const char *url, const struct evidence_limits *limits,
                              struct evidence_record **out);
/* Starts the thread: after the process is confined. */
fallible evidence_record_start(struct evidence_record *r);
/* What waits is written first. NULL is fine here and below: nothing is kept. */
void evidence_record_close(struct evidence_record *r);
OWNED_TYPE(struct evidence_record, evidence_record_close)

/* `jws`: the token or the signed refusal that was the answer to `q`. For many threads. */
void evidence_record_keep(struct evidence_record *r, struct span jws, bool refusal,
                          const struct work_request *q);
/* What the verifier has loaded, under its SHA-256 (verify.h); as collateral_write wrote it. */
void evidence_record_collateral(void *record, struct span digest, struct span body);
/* For reading: what was taken until now is in it, or the disk is slow. It may wait for that. NULL:
 * none. */
struct evidence_store *evidence_record_store(struct evidence_record *r);

#endif
