// SPDX-License-Identifier: Apache-2.0
/*
 * Is an item signed under a root of trust? Verifiers check that themselves; the cache does too,
 * because it remembers the newest that it has seen: a forgery from far ahead would keep the genuine
 * ones out.
 */
#ifndef ATTESTD_TCS_AUTHENTIC_H
#define ATTESTD_TCS_AUTHENTIC_H

#include "attestd/tcs_item.h"
#include "collateral/root_set.h"

/* After tcs_item_check(). FAIL_DENIED with what is wrong. Dates are not looked at. `issuers`: of a
 * VCEK or AMD's CRL, the product's authentic chain; else NULL. */
fallible tcs_item_authenticate(const struct tcs_id *id, const struct tcs_item *item,
                               const struct root_set *roots, const struct tcs_item *issuers);

/* A PCK certificate with the chain of its CA, percent-encoded: all three. */
fallible tcs_pck_authenticate(struct span pem, const char *chain, const struct root_set *roots,
                              struct chain *out);

#endif
