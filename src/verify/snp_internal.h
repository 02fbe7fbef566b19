// SPDX-License-Identifier: Apache-2.0
/* What the files of SNP evidence know of each other; for kinds that carry a report, too. */
#ifndef VERIFY_SNP_INTERNAL_H
#define VERIFY_SNP_INTERNAL_H

#include "evidence/snp_report.h"
#include "verify/verify_internal.h"

enum snp_check_id {
    SNP_CHECK_FORMAT,
    SNP_CHECK_COLLATERAL,
    SNP_CHECK_CERTIFICATE,
    SNP_CHECK_CHAIN,
    SNP_CHECK_EXTENSIONS,
    SNP_CHECK_VALIDITY,
    SNP_CHECK_CRL,
    SNP_CHECK_CRL_VALIDITY,
    SNP_CHECK_REVOCATION,
    SNP_CHECK_PRODUCT,
    SNP_CHECK_SIGNING_KEY,
    SNP_CHECK_TCB,
    SNP_CHECK_CHIP_ID,
    SNP_CHECK_SIGNATURE,
    SNP_CHECK_TCB_ORDER,
    SNP_CHECK_VMPL,
    SNP_CHECK_REPORT_DATA,
    SNP_CHECK_COUNT
};
extern const struct check_table snp_checks;

/* What its claims are made from. */
struct snp_state {
    uint8_t report[SNP_REPORT_SIZE];
    struct platform *platform; /* of the key that signed it; NULL: there is none */
    bool platform_came_along;  /* its certificates came with the evidence */
    const char *root;          /* "vendor", "configured" */
    bool genuine;              /* every signature from a trusted root down to the report is good */
    bool revocation_checked;
    struct window collateral; /* of all that it rests on */
};

/* The certificate stands for the reported TCB, part by part. */
bool snp_tcb_matches(const struct snp_report *s, const struct vcek *k);
/* It is of this chip, by the id in full; Turin fills 8 of the 64 bytes. */
bool snp_chip_matches(const struct snp_report *s, const struct vcek *k);

/* The functions of its row. */
fallible snp_needs(struct span bytes, struct collateral_key *out);
fallible snp_claims(const struct piece *p, json_t *to);

#endif
