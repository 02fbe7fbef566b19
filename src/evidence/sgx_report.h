// SPDX-License-Identifier: Apache-2.0
/*
 * The report body of an SGX enclave (384 bytes): the body of an SGX quote, and the report of the
 * quoting enclave inside every quote. Spans point into the input.
 */
#ifndef EVIDENCE_SGX_REPORT_H
#define EVIDENCE_SGX_REPORT_H

#include "base/reader.h"

#define SGX_REPORT_SIZE 384
#define SGX_FLAG_DEBUG 0x02 /* in the first byte of ATTRIBUTES */

struct sgx_report {
    struct span cpusvn, miscselect, isvextprodid, attributes, mrenclave, mrsigner, configid,
        isvfamilyid, report_data;
    uint16_t isvprodid, isvsvn, configsvn;
};

fallible sgx_report_parse(struct span in, struct sgx_report *out);
bool sgx_report_debug(const struct sgx_report *r);

#endif
