// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator's world of trust for SEV-SNP: root (ARK), the intermediates of chip keys (ASK) and
 * of lent keys (ASVK), a chip's key and a cloud provider's. Common names are the vendor's. Kept in
 * DIR, so that a restart has the same root. RSA keys are of 2048 bits, since making longer ones
 * takes seconds.
 */
#ifndef TEESIM_SNP_PKI_H
#define TEESIM_SNP_PKI_H

#include "evidence/snp_report.h"
#include "teesim/pki.h"

#define FORGE_SNP_NAME_MAX 32

struct forge_snp_pki {
    enum snp_product product;
    char names[3][FORGE_SNP_NAME_MAX];
    struct forge_authority ark, ask, asvk;
    struct key *vcek, *vlek;
};

/* Loads what is in `dir` and makes what is missing, snp_root_ca.pem for configurations included.
 * NULL: in memory only, new keys. `out` must stay where it is. */
fallible forge_snp_pki_open(const char *dir, enum snp_product product, struct forge_snp_pki *out);
void forge_snp_pki_done(struct forge_snp_pki *pki);
static inline void forge_snp_pki_donep(struct forge_snp_pki *pki)
{
    forge_snp_pki_done(pki);
}

/* Forms of the certificates as they are issued, to be changed and written again. The leaf's
 * extensions are the caller's. */
struct forge_certificate forge_snp_root_form(const struct forge_snp_pki *pki);
struct forge_certificate forge_snp_intermediate_form(const struct forge_snp_pki *pki, bool vlek);
struct forge_certificate forge_snp_leaf_form(const struct forge_snp_pki *pki, bool vlek);
/* The root's, empty. */
struct forge_crl forge_snp_crl_form(const struct forge_snp_pki *pki, int64_t this_update,
                                    int64_t next_update);

#endif
