// SPDX-License-Identifier: Apache-2.0
/*
 * What a quote without a PCK certificate (certification data types 1 to 3) says of its platform, as
 * the parameters by which a cache finds the certificate (PCS API v4, Get PCK Certificate). Nothing
 * of it is signed.
 */
#ifndef EVIDENCE_PCK_QUERY_H
#define EVIDENCE_PCK_QUERY_H

#include "base/err.h"
#include "base/span.h"

struct pck_query { /* lower-case hex */
    char qe_id[33];
    char cpu_svn[33];
    char pce_svn[5], pce_id[5]; /* as they lie in memory */
    char encrypted_ppid[769];   /* type 3; else empty, and the cache must know the QE id */
};

/* FAIL_INPUT: no quote, or one of another type, or of a length that the type has not. */
fallible pck_query_of(struct span quote, struct pck_query *out);

#endif
