// SPDX-License-Identifier: Apache-2.0
/* What tcs keeps under a name: the bytes as signed, their issuers, their dates; and what makes them
 * acceptable. */
#ifndef ATTESTD_TCS_ITEM_H
#define ATTESTD_TCS_ITEM_H

#include "base/bounds.h"
#include "attestd/tcs_id.h"

struct tcs_item {
    struct buf body; /* JSON exactly as signed; CRLs and VCEKs in DER; AMD's chains in PEM */
    char *chain;     /* percent-encoded PEM as served, NULL where no header carries one */
    int64_t issued, next_update;
    uint64_t evaluation; /* tcbEvaluationDataNumber, or the CRL's number; never goes back */
    bool untrusted; /* signed by nobody we trust: never kept nor served, good for saying so in a
                       verdict */
};
struct tcs_item tcs_item_of(void);
void tcs_item_done(struct tcs_item *t);
static inline void tcs_item_donep(struct tcs_item *t)
{
    tcs_item_done(t);
}
fallible tcs_item_copy(const struct tcs_item *from, struct tcs_item *to);

/* Is this what `id` names, well formed and with its issuer chain? Fills the facts and brings CRLs
 * into DER. Signatures and dates are every verifier's to check: a cache is no root of trust.
 * FAIL_UPSTREAM with the reason. */
fallible tcs_item_check(const struct tcs_id *id, struct tcs_item *item);
/* A certificate: it is made once and lasts for years; what replaces it may carry any date. */
bool tcs_item_is_certificate(const struct tcs_id *id);

/* The chain's PEM text. */
fallible tcs_chain_decode(const char *chain, struct buf *pem);

#endif
