// SPDX-License-Identifier: Apache-2.0
/*
 * Evidence from the platform: 64 bytes of report data in, a quote or report out. Each interface of
 * a platform is one file and one row of the table in attester.c. The agent never looks into a
 * quote: to it evidence is opaque bytes with a type.
 */
#ifndef CLIENT_ATTESTER_H
#define CLIENT_ATTESTER_H

#include "base/buf.h"
#include "base/json.h"

#define REPORT_DATA_SIZE 64
#define ATTESTER_EVIDENCE_MAX (192U << 10)

enum attester_kind {
    ATTESTER_NONE, /* no TEE: there is no evidence, and only keys whose policy asks for none come */
    ATTESTER_TSM,  /* Linux configfs-tsm; `path` is the folder report/ */
    ATTESTER_SOCKET, /* a local evidence socket (docs/protocol.md) */
    ATTESTER_TPM     /* a TPM 2.0; `path` says where (attester/tpm_place.h) */
};

struct attester {
    enum attester_kind kind;
    const char *path;
};

/* "none", "tsm", "socket", "tpm". */
fallible attester_kind_parse(const char *name, enum attester_kind *out);
const char *attester_kind_name(enum attester_kind kind);

/* A CMW record: ["application/vnd.warder.tdx-quote", "<b64url>"]. FAIL_ABSENT: there is no TEE
 * here; FAIL_UPSTREAM: the platform gives none. */
fallible attester_evidence(const struct attester *a, const uint8_t report_data[REPORT_DATA_SIZE],
                           json_t **cmw);

#endif
