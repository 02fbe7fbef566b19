// SPDX-License-Identifier: Apache-2.0
/*
 * What the registers must hold when a log tells the truth: each event's digest extended into its
 * register, in order, without EV_NO_ACTION, which no TPM ever extends. Only the digests are
 * authenticated by this: not an event's type, and what it says in its data only where its digest is
 * that of the data (event_hashes).
 */
#ifndef VERIFY_EVENT_REPLAY_H
#define VERIFY_EVENT_REPLAY_H

#include "crypto/digest.h"
#include "evidence/event_log.h"
#include "evidence/ima_log.h"

struct replay {
    enum digest_kind kind;
    uint16_t alg;
    const char *wrong; /* why this bank cannot be replayed; literal */
    uint32_t touched;  /* bit n: an event extended register n */
    uint8_t registers[EVENT_REGISTERS][DIGEST_MAX];
};

/* *known is false for a hash that is not replayed here. */
enum digest_kind digest_of_tpm(uint16_t alg, bool *known);
const char *tpm_hash_name(uint16_t alg); /* "sha256"; NULL when not known here */

/* A TPM's start values: zeros; FF for the dynamic PCRs 17 to 22. FAIL_INPUT: a hash that is not
 * known here. */
fallible replay_begin(uint16_t alg, struct replay *out);
/* From the start values, and for PCR 0 from what StartupLocality says. */
fallible replay_event_log(const struct event_log *log, uint16_t alg, struct replay *out);
/* The start values are zeros in all (CCEL). */
fallible replay_cc_log(const struct event_log *log, struct replay *out);
/* Extend the registers of `on` further. */
fallible replay_ima_entry(const struct ima_entry *e, struct replay *on);
fallible replay_ima_log(struct span text, struct replay *on);

/* The event's digest in bank `alg` is that of these bytes: of its data, of a part of it. */
fallible event_hashes(const struct event *e, uint16_t alg, struct span bytes, bool *is);
/* The template hash of an entry in bank `alg` is what its fields give. FAIL_INPUT when they give
 * none. */
fallible ima_template_hash(const struct ima_entry *e, enum digest_kind kind,
                           uint8_t out[DIGEST_MAX]);

#endif
