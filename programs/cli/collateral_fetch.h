// SPDX-License-Identifier: Apache-2.0
/* Collateral of one platform kind from an endorsement cache, by the paths of PCCS version 4 and of
 * AMD's KDS (docs/protocol.md). */
#ifndef CLI_COLLATERAL_FETCH_H
#define CLI_COLLATERAL_FETCH_H

#include "collateral/raw.h"
#include "evidence/pck_query.h"
#include "http/client.h"

struct fetched_collateral {
    struct buf tcb_info, qe_identity, tcb_signing_chain, qe_identity_chain, pck_crl,
        pck_crl_issuer_chain, root_ca_crl;
    struct buf vcek, snp_chain, snp_crl;
    struct buf pck_cert_chain; /* for a quote that carries none */
};

/* The PCK certificate of a quote that carries none, and its issuers. Stays empty where the service
 * has none. */
fallible collateral_fetch_pck(struct http_client *http, const char *base_url,
                              const struct pck_query *query, struct fetched_collateral *out);
/* What the service does not have stays empty, which verification refuses. FAIL_UPSTREAM: it does
 * not answer. */
fallible collateral_fetch(struct http_client *http, const char *base_url,
                          const struct collateral_key *key, struct fetched_collateral *out);
void fetched_collateral_init(struct fetched_collateral *f);
void fetched_collateral_done(struct fetched_collateral *f);
static inline void fetched_collateral_donep(struct fetched_collateral *f)
{
    fetched_collateral_done(f);
}
/* Borrows. */
struct collateral_raw fetched_collateral_raw(const struct fetched_collateral *f);

#endif
