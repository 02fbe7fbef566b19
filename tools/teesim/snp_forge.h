// SPDX-License-Identifier: Apache-2.0
/*
 * SEV-SNP evidence with its certificates and revocation list, from one struct of knobs, as forge.h
 * does for Intel's: forge_snp_defaults() fills it with a good guest on a good chip,
 * forge_snp_make() writes and signs everything anew.
 */
#ifndef TEESIM_SNP_FORGE_H
#define TEESIM_SNP_FORGE_H

#include "teesim/snp_pki.h"

#define FORGE_SNP_EVIDENCE_MAX (32U << 10)
#define FORGE_SPL_COUNT 10
#define FORGE_SNP_LATER_MAX 4

/* Offsets in a report. */
enum {
    FORGE_SNP_VERSION = 0x000,
    FORGE_SNP_POLICY = 0x008,
    FORGE_SNP_VMPL = 0x030,
    FORGE_SNP_ALGORITHM = 0x034,
    FORGE_SNP_CURRENT_TCB = 0x038,
    FORGE_SNP_PLATFORM_INFO = 0x040,
    FORGE_SNP_KEY_INFO = 0x048,
    FORGE_SNP_REPORT_DATA = 0x050,
    FORGE_SNP_MEASUREMENT = 0x090,
    FORGE_SNP_REPORTED_TCB = 0x180,
    FORGE_SNP_CPUID = 0x188,
    FORGE_SNP_CHIP_ID = 0x1a0,
    FORGE_SNP_COMMITTED_TCB = 0x1e0,
    FORGE_SNP_LAUNCH_TCB = 0x1f0,
    FORGE_SNP_SIGNATURE = 0x2a0
};

/* What the certificate says of the key. */
struct forge_vcek {
    int structure;            /* -1: no such extension */
    const char *product;      /* NULL: none */
    int spl[FORGE_SPL_COUNT]; /* by the last arc, 1 to 9; -1: none */
    uint8_t hwid[SNP_CHIP_ID_SIZE];
    size_t hwid_len;          /* 0: none */
    const char *csp_id;       /* NULL: none */
    bool spl_twice, spl_long; /* the boot loader's: two of them; more than one byte */
};

struct forge_snp_knobs {
    const struct forge_snp_pki *pki;
    bool vlek;
    uint8_t report[SNP_REPORT_SIZE]; /* all but the signature */
    const struct key *signer;
    struct forge_vcek vcek;
    struct forge_certificate leaf,
        intermediate; /* the leaf's `extra` is filled in from `vcek` unless it is there */
    struct span intermediate_der, root_der; /* in place of what is made */
    struct forge_crl crl;
    bool no_crl;
    struct forge_snp_later { /* of the signed report */
        size_t at;
        uint8_t flip;
    } later[FORGE_SNP_LATER_MAX];
};

/* Spans of the knobs point into `pki`, which must outlive them. */
void forge_snp_defaults(const struct forge_snp_pki *pki, bool vlek, int64_t now,
                        struct forge_snp_knobs *out);

/* The files of a vector set; `evidence` is the report and the host's table of certificates. */
struct forge_snp_set {
    struct buf report, key, chain, crl, evidence;
};
void forge_snp_set_init(struct forge_snp_set *s);
void forge_snp_set_done(struct forge_snp_set *s);
static inline void forge_snp_set_donep(struct forge_snp_set *s)
{
    forge_snp_set_done(s);
}
/* Overwrites what is in the set. */
fallible forge_snp_make(const struct forge_snp_knobs *k, struct forge_snp_set *out);
/* Its parts. */
fallible forge_snp_sign(const struct forge_snp_knobs *k, struct buf *report);
fallible forge_snp_key_certificate(const struct forge_snp_knobs *k, struct buf *der);
fallible forge_snp_chain(const struct forge_snp_knobs *k, struct buf *pem);
fallible forge_snp_table(const struct forge_snp_knobs *k, struct buf *table);

#endif
