// SPDX-License-Identifier: Apache-2.0
/*
 * A platform that quotes, and the vendor that vouches for it. All keys and the constant part of a
 * quote stay in memory, so a quote costs one signature. Safe for threads.
 */
#ifndef TEESIM_PLATFORM_H
#define TEESIM_PLATFORM_H

#include "teesim/scenario.h"
#include "teesim/snp_platform.h"

struct platform;

struct platform_config {
    const char *dir; /* its PKI is in dir/pki; NULL: in memory */
    enum forge_tee tee;
    enum snp_product snp;    /* SNP_PRODUCT_UNKNOWN: not an SNP guest's but `tee` */
    const char *measurement; /* hex, or a file that holds hex; NULL: the default */
    const char *scenario;    /* comma list; NULL: ok */
};
/* "snp" (Milan), "snp-genoa", "snp-turin", or a name of forge_tee_parse(). */
fallible platform_tee_parse(struct span name, struct platform_config *config);
fallible platform_open(const struct platform_config *config, struct platform **out);
void platform_close(struct platform *p);
OWNED_TYPE(struct platform, platform_close)

enum forge_tee platform_tee(const struct platform *p);
const char *platform_tee_name(const struct platform *p);
struct snp_platform *platform_snp(struct platform *p); /* NULL: Intel's */
const struct forge_pki *platform_pki(const struct platform *p);

/* Both change nothing when they fail. */
fallible platform_set_scenario(struct platform *p, struct span list);
fallible platform_set_measurement(struct platform *p, struct span hex);
void platform_describe(struct platform *p, char scenario[SCENARIO_TEXT_MAX], char measurement[97]);

/* A quote, or an SNP report; and what the host adds to a report (else nothing). */
fallible platform_quote(struct platform *p, const uint8_t report_data[FORGE_REPORT_DATA_SIZE],
                        struct buf *out);
fallible platform_auxiliary(struct platform *p, struct buf *out);

/* The vendor's side. Dates: issued so long ago, valid for so long; they move on by themselves at
 * half time. */
struct platform_validity {
    int64_t issued_ago, lifetime;
    uint32_t evaluation_number;
};
void platform_set_validity(struct platform *p, const struct platform_validity *validity);
void platform_validity(struct platform *p, struct platform_validity *out);

/* FAIL_ABSENT: no such family. `fmspc` has 6 bytes. */
fallible platform_tcb_info(struct platform *p, bool tdx, const uint8_t fmspc[6], struct buf *out);
/* The FMSPC of the platform as it is now. */
void platform_fmspc(struct platform *p, uint8_t out[6]);
enum forge_ca platform_ca(struct platform *p);
fallible platform_identity(struct platform *p, bool tdx, struct buf *out);
fallible platform_pck_crl(struct platform *p, enum forge_ca ca, struct buf *der);
fallible platform_root_crl(struct platform *p, struct buf *der);
fallible platform_snp_crl(struct platform *p, struct span product, struct buf *der);
fallible platform_signing_chain(struct platform *p, struct buf *pem);
fallible platform_crl_chain(struct platform *p, enum forge_ca ca, struct buf *pem);
/* Leaf, CA, root: the chain in its quotes; and the leaf's TCB as PCS gives it: CPUSVN, PCESVN, hex.
 */
fallible platform_pck_chain(struct platform *p, struct buf *pem, char tcbm[37]);

#endif
