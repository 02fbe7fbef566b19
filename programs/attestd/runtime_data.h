// SPDX-License-Identifier: Apache-2.0
/*
 * What the report data must say, computed from what the relying party sends along
 * (docs/protocol.md, "Report data"): of type "kbs-v1", the challenge, the tenant and the two keys
 * that the attester made; of type "report-data", the value itself; absent, nothing is expected and
 * no key confirmed.
 */
#ifndef ATTESTD_RUNTIME_DATA_H
#define ATTESTD_RUNTIME_DATA_H

#include "crypto/digest.h"
#include "crypto/key.h"

#define REPORT_DATA_SIZE 64

struct runtime_data {
    bool expected;
    uint8_t report_data[REPORT_DATA_SIZE];
    bool bound; /* kbs-v1: the members below are there */
    char signing_jkt[THUMBPRINT_TEXT_SIZE], encryption_jkt[THUMBPRINT_TEXT_SIZE];
    char challenge[DIGEST_TEXT_SIZE];
};

/* `j` may be NULL: absent. `tenant`: the request's; runtime data of another tenant is FAIL_INPUT.
 */
fallible runtime_data_parse(const json_t *j, struct span tenant, struct runtime_data *out);

#endif
