// SPDX-License-Identifier: Apache-2.0
/*
 * What the paravisor of an Azure confidential VM keeps in its vTPM at NV index 0x01400001: the
 * report of the hardware, and the runtime data (JSON) whose hash the hardware signed. Parsing only;
 * spans point into the input.
 */
#ifndef EVIDENCE_HCL_REPORT_H
#define EVIDENCE_HCL_REPORT_H

#include "base/bounds.h"
#include "base/reader.h"

#define HCL_TD_REPORT_SIZE 1024
#define HCL_TD_REPORT_DATA_AT 128

enum hcl_hardware { HCL_SNP = 2, HCL_TDX = 4 };
enum hcl_hash { HCL_SHA256 = 1, HCL_SHA384 = 2, HCL_SHA512 = 3 };

struct hcl_report {
    uint32_t version;
    enum hcl_hardware hardware;
    enum hcl_hash hash;      /* of the runtime data */
    struct span report;      /* an SNP report, or a TDREPORT */
    struct span report_data; /* the 64 bytes in it */
    struct span runtime_data;
};

fallible hcl_report_parse(struct span in, struct hcl_report *out);

#endif
