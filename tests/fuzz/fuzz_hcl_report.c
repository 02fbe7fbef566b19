// SPDX-License-Identifier: Apache-2.0
/* hcl_report_parse: what it gives lies inside the input and has its size. */
#include <assert.h>

#include "evidence/hcl_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hcl_report h;

    if (failed(hcl_report_parse(span_from(data, size), &h)))
        return 0;
    assert(h.runtime_data.at >= data && h.runtime_data.at + h.runtime_data.len <= data + size);
    assert(h.report.at >= data && h.report.at + h.report.len <= data + size);
    assert(h.report_data.len == 64 && (h.hardware == HCL_SNP || h.hardware == HCL_TDX));
    return 0;
}
