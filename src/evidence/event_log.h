// SPDX-License-Identifier: Apache-2.0
/*
 * Boot event logs: the TCG's for TPMs (SHA-1 form of 1.2, and crypto-agile) and the confidential
 * computing event log (CCEL), which is the crypto-agile form with its own register numbers. A log
 * says how registers got their values; what it says is worth nothing until its replay gives the
 * values that a quote vouches for (verify/event_replay.h).
 *
 * Nothing is allocated: a parsed log is a span, which was walked once to its end; a cursor walks it
 * again.
 */
#ifndef EVIDENCE_EVENT_LOG_H
#define EVIDENCE_EVENT_LOG_H

#include "base/bounds.h"
#include "base/reader.h"

#define EVENT_REGISTERS 24
#define EVENT_REGISTER_NONE UINT32_MAX /* of an EV_NO_ACTION event that belongs to no register */

/* Event types that are treated in their own way (PC Client Platform Firmware Profile,
 * section 10.4.1). */
#define EV_NO_ACTION 0x00000003U
#define EV_SEPARATOR 0x00000004U
#define EV_EFI_VARIABLE_DRIVER_CONFIG 0x80000001U
#define EV_EFI_BOOT_SERVICES_APPLICATION 0x80000003U

struct event_log {
    bool agile;
    size_t bank_count;
    struct event_bank {
        uint16_t alg; /* TPM_ALG_ID */
        uint16_t size;
    } banks[EVENT_BANKS_MAX];
    struct span records; /* of an agile log: those after its header */
    size_t count;        /* of records */
};

struct event {
    uint32_t index; /* PCR; in a CCEL 0 is MRTD, 1 to 4 are RTMR0 to RTMR3 */
    uint32_t type;
    size_t digest_count;
    struct event_digest {
        uint16_t alg;
        struct span value;
    } digests[EVENT_BANKS_MAX];
    struct span data; /* not covered by the replay: see event_hashes() */
};

/* The whole log is well formed, or FAIL_INPUT; after the last record there may be padding of FF and
 * zeros. More events or bytes than the maximum: FAIL_LIMIT. */
fallible event_log_parse(struct span in, struct event_log *out);

struct event_cursor {
    struct reader r;
    const struct event_log *log;
    size_t left;
};
struct event_cursor event_log_events(const struct event_log *log);
/* False at the end. */
bool event_next(struct event_cursor *c, struct event *out);

/* Empty where the event has no digest of this bank. */
struct span event_digest_of(const struct event *e, uint16_t alg);
/* The name of the type without "EV_" and in lower case, or NULL. */
const char *event_type_name(uint32_t type);
/* The register that "StartupLocality" says PCR 0 started with: 0 where the event says nothing of
 * it. */
uint8_t event_startup_locality(const struct event *e);

/* EFI_VARIABLE_DATA, for types whose digest covers the data. */
struct event_variable {
    struct span guid, name /* UTF-16LE */, value;
};
fallible event_variable_parse(struct span data, struct event_variable *out);

#endif
