// SPDX-License-Identifier: Apache-2.0
#include "evidence/hcl_report.h"

#define SIGNATURE SPAN("HCLA")
#define HEADER_RESERVED 12
#define HARDWARE_SIZE 1184 /* an SNP report fills it; a TDREPORT is followed by zeros */
#define SNP_REPORT_DATA_AT 0x50
#define REPORT_DATA_SIZE 64
#define RUNTIME_HEAD_SIZE 20
#define VERSION_MAX 2

static bool hash_known(uint32_t hash)
{
    return hash == HCL_SHA256 || hash == HCL_SHA384 || hash == HCL_SHA512;
}

static fallible hardware_take(struct span area, uint32_t type, struct hcl_report *h)
{
    bool snp = type == HCL_SNP;
    size_t size = snp ? HARDWARE_SIZE : HCL_TD_REPORT_SIZE;

    if (!snp && type != HCL_TDX)
        return FAIL(INPUT, "the HCL report carries neither an SNP report nor a TD report");
    h->hardware = snp ? HCL_SNP : HCL_TDX;
    h->report = span_head(area, size);
    if (!span_is_zero(span_tail(area, size)))
        return FAIL(INPUT, "the HCL report's TD report is not followed by zeros");
    h->report_data = span_head(span_tail(area, snp ? SNP_REPORT_DATA_AT : HCL_TD_REPORT_DATA_AT),
                               REPORT_DATA_SIZE);
    return OK;
}

fallible hcl_report_parse(struct span in, struct hcl_report *out)
{
    struct reader r = reader_of(in);
    struct hcl_report h = { 0 };

    if (in.len > HCL_REPORT_MAX)
        return FAIL(LIMIT, "HCL report is larger than 16 KiB");
    bool signature = span_equal(reader_take(&r, SIGNATURE.len), SIGNATURE);
    h.version = reader_u32le(&r);
    reader_take(&r, 4 + 4 + 4 + HEADER_RESERVED); /* size, type of request, status */
    struct span area = reader_take(&r, HARDWARE_SIZE);
    uint32_t data_size = reader_u32le(&r);
    reader_take(&r, 4); /* version of the runtime data's frame */
    uint32_t type = reader_u32le(&r);
    uint32_t hash = reader_u32le(&r);
    uint32_t size = reader_u32le(&r);
    h.runtime_data = reader_take(&r, size);
    struct span rest = reader_rest(&r);
    TRY(reader_end(&r, "HCL report is truncated"));
    if (!signature || !h.version || h.version > VERSION_MAX)
        return FAIL(INPUT, "not an HCL report of version 1 or 2");
    if (!size || data_size != size + RUNTIME_HEAD_SIZE || !span_is_zero(rest))
        return FAIL(INPUT, "the HCL report's lengths do not agree, or zeros do not follow it");
    if (!hash_known(hash))
        return FAIL(INPUT, "the HCL report's runtime data is hashed in an unknown way");
    h.hash = (enum hcl_hash)hash;
    TRY(hardware_take(area, type, &h));
    *out = h;
    return OK;
}
