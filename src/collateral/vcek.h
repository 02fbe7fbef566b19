// SPDX-License-Identifier: Apache-2.0
/*
 * The key that signs SNP reports, as its certificate describes it (AMD 57230, "VCEK Certificate and
 * KDS Interface"): a chip's own at one TCB version (VCEK), or one that AMD has lent to a cloud
 * provider for it (VLEK). vcek_read() takes a certificate; whether it is authentic is its chain's
 * matter.
 */
#ifndef COLLATERAL_VCEK_H
#define COLLATERAL_VCEK_H

#include "base/bounds.h"
#include "crypto/x509.h"
#include "evidence/snp_report.h"

enum snp_key { SNP_VCEK, SNP_VLEK };
const char *snp_key_name(enum snp_key key); /* "vcek", "vlek" */

struct vcek {
    enum snp_key key;
    enum snp_product product;
    struct snp_tcb tcb;
    uint8_t hwid[SNP_CHIP_ID_SIZE]; /* VCEK */
    size_t hwid_len;                /* SNP_CHIP_ID_SIZE; Turin: SNP_TURIN_CHIP_ID_SIZE */
    char csp_id[CSP_ID_MAX + 1];    /* VLEK */
};

/* FAIL_INPUT: neither kind by its name, or an extension that it must have is missing or malformed.
 */
fallible vcek_read(const struct cert *c, struct vcek *out);

/* Which product the authority of this name ("SEV-Milan", "SEV-VLEK-Milan") stands for, and whether
 * it issues this kind of certificate. SNP_PRODUCT_UNKNOWN: neither. */
enum snp_product snp_issuer_product(struct span common_name, enum snp_key key);

#endif
