// SPDX-License-Identifier: Apache-2.0
/*
 * What the report data must say, computed from what the relying party sends along
 * (docs/protocol.md, "Report data"): of type "kbs-v1", the challenge, the tenant and the two keys
 * that the attester made; of type "nonce", a nonce of ours, the tenant, and what else the attester
 * binds: a key, data; of type "guest", what a guest of Confidential Containers binds
 * (guest_runtime.h); of type "report-data", the value itself; absent, nothing is expected and no
 * key confirmed.
 */
#ifndef ATTESTD_RUNTIME_DATA_H
#define ATTESTD_RUNTIME_DATA_H

#include "base/bounds.h"
#include "crypto/digest.h"
#include "crypto/key.h"

#define REPORT_DATA_SIZE 64

struct runtime_data {
    bool expected;
    uint8_t report_data[REPORT_DATA_SIZE];
    /* Empty: not there. */
    char signing_jkt[THUMBPRINT_TEXT_SIZE], encryption_jkt[THUMBPRINT_TEXT_SIZE];
    char challenge[DIGEST_TEXT_SIZE];
    const json_t *signing_key; /* of `j` */
    struct span nonce;         /* of `j` */
    /* Of type "guest"; these are of `j`, too. */
    const json_t *encryption_key;
    struct span guest_protocol, init_data;
    bool has_other;
    uint8_t other_report_data[REPORT_DATA_SIZE]; /* of a release that hashed otherwise under the
                                                    same version of the protocol */
};

/* `j` may be NULL: absent. `tenant`: the request's; runtime data of another tenant is FAIL_INPUT.
 */
/* The nonce that the request answers; empty: none. What is wrong with the rest shows later. */
struct span runtime_data_nonce(const json_t *j);
fallible runtime_data_parse(const json_t *j, struct span tenant, struct runtime_data *out);

#endif
