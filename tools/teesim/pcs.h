// SPDX-License-Identifier: Apache-2.0
/*
 * The vendor's provisioning certification service (PCS v4) for the simulator's platform, HTTP on
 * loopback: TCB info, identities, CRLs with their issuer chains, the PCK certificate; of an SNP
 * guest's also AMD's key distribution service (KDS), at the same port. It counts requests and can
 * be slow or down, for tests of whoever caches it.
 */
#ifndef TEESIM_PCS_H
#define TEESIM_PCS_H

#include "base/json.h"
#include "teesim/platform.h"

struct pcs;

fallible pcs_start(struct platform *platform, uint16_t port, struct pcs **out); /* port 0: any */
uint16_t pcs_port(const struct pcs *s);
void pcs_stop(struct pcs *s);
OWNED_TYPE(struct pcs, pcs_stop)

/* status 0: answers; else every request gets that status. */
void pcs_set_behaviour(struct pcs *s, int status, unsigned delay_ms);
/* {"<route>":count, ...} */
json_t *pcs_counts(struct pcs *s);

#endif
