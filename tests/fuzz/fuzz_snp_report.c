// SPDX-License-Identifier: Apache-2.0
/* snp_evidence_split and snp_report_parse: whatever is accepted lies inside the input. */
#include <assert.h>

#include "evidence/snp_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span in, struct span part)
{
    assert(!part.len || (part.at >= in.at && part.at + part.len <= in.at + in.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size), report;
    struct snp_certificates along;
    struct snp_report s;
    struct snp_tcb tcb;
    uint8_t raw[SNP_SIGNATURE_SIZE];

    if (failed(snp_evidence_split(in, &report, &along)))
        return 0;
    inside(in, along.vcek);
    inside(in, along.vlek);
    inside(in, along.intermediate);
    inside(in, along.root);
    inside(in, along.crl);
    if (failed(snp_report_parse(report, &s)))
        return 0;
    inside(report, s.signed_bytes);
    inside(report, s.chip_id);
    inside(report, s.current_mitigation);
    inside(report, s.signature);
    for (enum snp_product p = SNP_PRODUCT_UNKNOWN; p <= SNP_TURIN; p++)
        snp_tcb_read(s.reported_tcb, p, &tcb);
    snp_signature_read(s.signature, raw);
    return 0;
}
