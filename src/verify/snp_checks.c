// SPDX-License-Identifier: Apache-2.0
#include "verify/snp_internal.h"

#define ABI "AMD 56860 (SNP firmware ABI), "
#define KDS "AMD 57230 (VCEK certificate and KDS), "
#define RULES "docs/verification.md, "

static const struct check rows[SNP_CHECK_COUNT] = {
    [SNP_CHECK_FORMAT] = { "snp_report_format", CHECK_NOT_CHECKED,
                           ABI "ATTESTATION_REPORT and guest policy, of revision 1.58", NULL },
    [SNP_CHECK_COLLATERAL] = { "collateral", CHECK_NOT_CHECKED, RULES "collateral", NULL },
    [SNP_CHECK_CERTIFICATE] = { "snp_certificate", CHECK_NOT_CHECKED, RULES "SNP certificates",
                                NULL },
    [SNP_CHECK_CHAIN] = { "snp_chain", CHECK_NOT_CHECKED,
                          "RFC 5280 section 6.1.3; " KDS "chain to the pinned ARK", NULL },
    [SNP_CHECK_EXTENSIONS] = { "snp_extensions", CHECK_NOT_CHECKED, KDS "certificate extensions",
                               NULL },
    [SNP_CHECK_VALIDITY] = { "snp_validity", CHECK_NOT_CHECKED, "RFC 5280 section 4.1.2.5", NULL },
    [SNP_CHECK_CRL] = { "snp_crl", CHECK_NOT_CHECKED, "RFC 5280 section 6.3.3; " KDS "crl", NULL },
    [SNP_CHECK_CRL_VALIDITY] = { "snp_crl_validity", CHECK_NOT_CHECKED,
                                 "RFC 5280 sections 5.1.2.4 and 5.1.2.5", NULL },
    [SNP_CHECK_REVOCATION] = { "snp_revocation", CHECK_NOT_CHECKED, "RFC 5280 section 6.3", NULL },
    [SNP_CHECK_PRODUCT] = { "snp_product", CHECK_NOT_CHECKED,
                            ABI "CPUID_FAM_ID and CPUID_MOD_ID; " KDS "productName", NULL },
    [SNP_CHECK_SIGNING_KEY] = { "snp_signing_key", CHECK_NOT_CHECKED,
                                ABI "SIGNING_KEY and SIGNATURE_ALGO", NULL },
    [SNP_CHECK_TCB] = { "snp_tcb_match", CHECK_NOT_CHECKED,
                        ABI "REPORTED_TCB; " KDS "blSPL to fmcSPL", NULL },
    [SNP_CHECK_CHIP_ID] = { "snp_chip_id", CHECK_NOT_CHECKED,
                            ABI "CHIP_ID and MASK_CHIP_KEY; " KDS "hwID", NULL },
    [SNP_CHECK_SIGNATURE] = { "snp_report_signature", CHECK_NOT_CHECKED, ABI "signature of reports",
                              NULL },
    [SNP_CHECK_TCB_ORDER] = { "snp_tcb_order", CHECK_NOT_CHECKED,
                              ABI "TCB_VERSION, CommittedTcb and ReportedTcb", NULL },
    [SNP_CHECK_VMPL] = { "snp_vmpl", CHECK_NOT_CHECKED,
                         ABI "VMPL of a report that the guest asked for", NULL },
    [SNP_CHECK_REPORT_DATA] = { "report_data", CHECK_NOT_CHECKED, RULES "report data", NULL },
};

const struct check_table snp_checks = { rows, SNP_CHECK_COUNT };
