// SPDX-License-Identifier: Apache-2.0
#include "verify/quote_checks.h"

#define QUOTE_SPEC "Intel DCAP quote format, "
#define PCK_SPEC "Intel PCK certificate and CRL profile, "
#define PCS_SPEC "Intel PCS API v4, "
#define RULES "docs/verification.md, "

static const struct check rows[CHECK_COUNT] = {
    [CHECK_QUOTE_FORMAT] = { "quote_format", CHECK_NOT_CHECKED,
                             QUOTE_SPEC "header, body and signature area", NULL },
    [CHECK_QUOTE_VENDOR] = { "quote_vendor", CHECK_NOT_CHECKED, QUOTE_SPEC "QE vendor id", NULL },
    [CHECK_QUOTE_CERTIFICATION] = { "quote_certification", CHECK_NOT_CHECKED,
                                    QUOTE_SPEC "certification data types 1 to 7", NULL },
    [CHECK_COLLATERAL] = { "collateral", CHECK_NOT_CHECKED, RULES "collateral", NULL },
    [CHECK_ROOT_CRL] = { "root_crl", CHECK_NOT_CHECKED,
                         "RFC 5280 section 6.3.3; " PCK_SPEC "root CA CRL", NULL },
    [CHECK_ROOT_CRL_VALIDITY] = { "root_crl_validity", CHECK_NOT_CHECKED,
                                  "RFC 5280 sections 5.1.2.4 and 5.1.2.5", NULL },
    [CHECK_PCK_CRL] = { "pck_crl", CHECK_NOT_CHECKED, "RFC 5280 section 6.3.3; " PCK_SPEC "PCK CRL",
                        NULL },
    [CHECK_PCK_CRL_VALIDITY] = { "pck_crl_validity", CHECK_NOT_CHECKED,
                                 "RFC 5280 sections 5.1.2.4 and 5.1.2.5", NULL },
    [CHECK_PCK_CHAIN] = { "pck_chain", CHECK_NOT_CHECKED,
                          "RFC 5280 section 6.1.3; " PCK_SPEC "chain to the pinned root", NULL },
    [CHECK_PCK_EXTENSION] = { "pck_extension", CHECK_NOT_CHECKED, PCK_SPEC "SGX extension", NULL },
    [CHECK_PCK_VALIDITY] = { "pck_validity", CHECK_NOT_CHECKED, "RFC 5280 section 4.1.2.5", NULL },
    [CHECK_PCK_REVOCATION] = { "pck_revocation", CHECK_NOT_CHECKED, "RFC 5280 section 6.3", NULL },
    [CHECK_TCB_INFO_SIGNATURE] = { "tcb_info_signature", CHECK_NOT_CHECKED,
                                   PCS_SPEC "Get TCB Info, signature", NULL },
    [CHECK_TCB_INFO_FORMAT] = { "tcb_info_format", CHECK_NOT_CHECKED,
                                PCS_SPEC "Get TCB Info, TCB info versions 2 and 3", NULL },
    [CHECK_TCB_INFO_VALIDITY] = { "tcb_info_validity", CHECK_NOT_CHECKED,
                                  PCS_SPEC "issueDate and nextUpdate", NULL },
    [CHECK_QE_IDENTITY_SIGNATURE] = { "qe_identity_signature", CHECK_NOT_CHECKED,
                                      PCS_SPEC "Get QE Identity, signature", NULL },
    [CHECK_QE_IDENTITY_FORMAT] = { "qe_identity_format", CHECK_NOT_CHECKED,
                                   PCS_SPEC "Get QE Identity, version 2", NULL },
    [CHECK_QE_IDENTITY_VALIDITY] = { "qe_identity_validity", CHECK_NOT_CHECKED,
                                     PCS_SPEC "issueDate and nextUpdate", NULL },
    [CHECK_TCB_SIGNER_REVOCATION] = { "tcb_signer_revocation", CHECK_NOT_CHECKED,
                                      "RFC 5280 section 6.3", NULL },
    [CHECK_FMSPC_MATCH] = { "fmspc_match", CHECK_NOT_CHECKED,
                            PCS_SPEC "TCB info id, fmspc and pceId", NULL },
    [CHECK_QE_REPORT_SIGNATURE] = { "qe_report_signature", CHECK_NOT_CHECKED,
                                    QUOTE_SPEC "QE report signature", NULL },
    [CHECK_QE_REPORT_DATA] = { "qe_report_data", CHECK_NOT_CHECKED, QUOTE_SPEC "QE report data",
                               NULL },
    [CHECK_QE_IDENTITY_MATCH] = { "qe_identity_match", CHECK_NOT_CHECKED,
                                  PCS_SPEC "Get QE Identity, comparing a report", NULL },
    [CHECK_QE_TCB_LEVEL] = { "qe_tcb_level", CHECK_NOT_CHECKED,
                             PCS_SPEC "Get QE Identity, tcbLevels", NULL },
    [CHECK_QUOTE_SIGNATURE] = { "quote_signature", CHECK_NOT_CHECKED, QUOTE_SPEC "quote signature",
                                NULL },
    [CHECK_TDX_MODULE] = { "tdx_module", CHECK_NOT_CHECKED,
                           PCS_SPEC "Get TCB Info, tdxModule and tdxModuleIdentities", NULL },
    [CHECK_TCB_LEVEL] = { "tcb_level", CHECK_NOT_CHECKED,
                          PCS_SPEC "Get TCB Info, comparing TCB levels", NULL },
    [CHECK_TCB_STATUS] = { "tcb_status", CHECK_NOT_CHECKED, RULES "status", NULL },
    [CHECK_REPORT_DATA] = { "report_data", CHECK_NOT_CHECKED, RULES "report data", NULL },
};

const struct check_table quote_checks = { rows, CHECK_COUNT };
