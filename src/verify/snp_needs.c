// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"
#include "verify/snp_internal.h"

/* A report of version 2 does not say what it ran on; a certificate that came along may. */
static enum snp_product product_guess(const struct snp_report *s, struct span certificate)
{
    struct cert *c owned(cert_free) = NULL;
    struct vcek k;

    if (s->version >= 3)
        return snp_product_of_cpuid(s->cpuid_family, s->cpuid_model);
    if (!certificate.len || failed(cert_from_der(certificate, &c)) || failed(vcek_read(c, &k)))
        return SNP_PRODUCT_UNKNOWN;
    return k.product;
}

fallible snp_needs(struct span bytes, struct collateral_key *out)
{
    struct collateral_key key = { .tee = "snp" };
    struct snp_certificates along;
    struct snp_report s;
    struct span report;

    TRY(snp_evidence_split(bytes, &report, &along));
    TRY(snp_report_parse(report, &s));
    if (s.signing_key != SNP_SIGNED_BY_VCEK && s.signing_key != SNP_SIGNED_BY_VLEK)
        return FAIL(INPUT, "the report is signed by a kind of key that is not known here");
    enum snp_key signer = s.signing_key == SNP_SIGNED_BY_VLEK ? SNP_VLEK : SNP_VCEK;
    struct span certificate = signer == SNP_VLEK ? along.vlek : along.vcek;
    enum snp_product product = product_guess(&s, certificate);
    snprintf(key.product, sizeof(key.product), "%s", snp_product_name(product));
    snprintf(key.signer, sizeof(key.signer), "%s", snp_key_name(signer));
    if (signer == SNP_VCEK && !certificate.len && !s.chip_key_masked) {
        hex_str(product == SNP_TURIN ? span_head(s.chip_id, SNP_TURIN_CHIP_ID_SIZE) : s.chip_id,
                key.chip);
        hex_str(s.reported_tcb, key.tcb);
    }
    *out = key;
    return OK;
}
