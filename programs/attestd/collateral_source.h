// SPDX-License-Identifier: Apache-2.0
/* Where verification gets its collateral: the tcs role in this process, or one elsewhere over TLS.
 */
#ifndef ATTESTD_COLLATERAL_SOURCE_H
#define ATTESTD_COLLATERAL_SOURCE_H

#include "attestd/tcs_pck.h"
#include "attestd/tcs_upstream.h"
#include "verify/verify.h"

struct collateral_source {
    struct tcs_cache *cache; /* NULL: `remote` */
    struct tcs_pck pck;      /* with `cache` */
    struct tcs_http remote;
};

/* All that evidence of this key needs, written as collateral_write() does. FAIL_ABSENT: the vendor
 * has none for such a platform. FAIL_UPSTREAM: it cannot be got now. */
fallible collateral_source_get(const struct collateral_source *s, const struct collateral_key *key,
                               int64_t now, struct buf *out);

/* The PCK certificate of a quote that carries none, and its issuers, in PEM. Failures likewise. */
fallible collateral_source_pck(const struct collateral_source *s, const struct pck_query *query,
                               int64_t now, struct buf *out);

#endif
