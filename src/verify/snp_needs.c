// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"
#include "verify/snp_internal.h"

/* The certificate that came along, if it can be read: nothing that it says is verified. */
static bool peek(struct span der, struct vcek *out)
{
    struct cert *c owned(cert_free) = NULL;
    return der.len && !failed(cert_from_der(der, &c)) && !failed(vcek_read(c, out));
}

/* A report of version 2 does not say what it ran on; a certificate may. */
static enum snp_product product_guess(const struct snp_report *s, const struct vcek *along)
{
    if (s->version >= 3)
        return snp_product_of_cpuid(s->cpuid_family, s->cpuid_model);
    return along ? along->product : SNP_PRODUCT_UNKNOWN;
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
    struct vcek k;
    bool peeked = peek(signer == SNP_VLEK ? along.vlek : along.vcek, &k);
    enum snp_product product = product_guess(&s, peeked ? &k : NULL);
    snprintf(key.product, sizeof(key.product), "%s", snp_product_name(product));
    snprintf(key.signer, sizeof(key.signer), "%s", snp_key_name(signer));
    /* Hosts keep certificates over updates of their firmware: one that does not fit is none. */
    bool fits = peeked && snp_tcb_matches(&s, &k) && snp_chip_matches(&s, &k);
    if (signer == SNP_VCEK && !fits && !s.chip_key_masked) {
        hex_str(product == SNP_TURIN ? span_head(s.chip_id, SNP_TURIN_CHIP_ID_SIZE) : s.chip_id,
                key.chip);
        hex_str(s.reported_tcb, key.tcb);
    }
    *out = key;
    return OK;
}
