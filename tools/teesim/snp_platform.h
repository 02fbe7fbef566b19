// SPDX-License-Identifier: Apache-2.0
/*
 * An SNP guest's platform and AMD's key distribution service for it. A scenario says what is wrong
 * with the platform; the list that the vendor serves always names a revoked intermediate, so a
 * change shows at once, whatever is cached. Safe for threads.
 */
#ifndef TEESIM_SNP_PLATFORM_H
#define TEESIM_SNP_PLATFORM_H

#include "teesim/snp_forge.h"

struct snp_platform;

/* `dir`: of the PKI; NULL: in memory. The scenario is "ok". */
fallible snp_platform_open(const char *dir, enum snp_product product, struct span measurement,
                           struct snp_platform **out);
void snp_platform_close(struct snp_platform *p);
OWNED_TYPE(struct snp_platform, snp_platform_close)

/* Changes nothing when it fails. */
fallible snp_platform_set(struct snp_platform *p, struct span scenarios, struct span measurement);
/* One line each, for --help. */
void snp_scenario_list(struct buf *out);

const char *snp_platform_product(const struct snp_platform *p); /* "Milan" */

/* What a guest gets: the report, and the host's table of certificates (empty where the scenario has
 * none). */
fallible snp_platform_report(struct snp_platform *p, const uint8_t report_data[64],
                             struct buf *out);
fallible snp_platform_table(struct snp_platform *p, struct buf *out);

/* What the vendor serves. FAIL_ABSENT: no such product or chip. */
fallible snp_platform_vcek(struct snp_platform *p, struct span product, struct span chip,
                           const uint8_t spl[FORGE_SPL_COUNT], struct buf *der);
fallible snp_platform_chain(struct snp_platform *p, struct span product, bool vlek,
                            struct buf *pem);
fallible snp_platform_crl(struct snp_platform *p, struct span product, int64_t issued, int64_t next,
                          struct buf *der);
/* DER of the certificate of the key that signs now. */
fallible snp_platform_key(struct snp_platform *p, bool *vlek, struct buf *der);
fallible snp_platform_root(struct snp_platform *p, struct buf *pem);

#endif
