// SPDX-License-Identifier: Apache-2.0
/*
 * PCK certificates: of all that a platform has, the one that suits its raw TCB best, as Intel's
 * selection library chooses; from the cache, or from the upstreams on the way. Every certificate is
 * verified up to a trusted root before it is kept.
 */
#ifndef ATTESTD_TCS_PCK_H
#define ATTESTD_TCS_PCK_H

#include "attestd/tcs_cache.h"
#include "attestd/tcs_platform.h"
#include "attestd/tcs_upstream.h"
#include "collateral/tcb_info.h"

/* Which of them: among those whose every component and PCESVN the raw TCB reaches, the one that
 * reaches the highest level of TCB info; of several, the highest itself. `certs->count`: none. */
size_t pck_select(const struct pck_certs *certs, const struct tcb_info *info,
                  const struct raw_platform *raw);

/* Adds a certificate (PEM) under a chain, percent-encoded: verified, of the same family and CA as
 * those that are there. FAIL_DENIED, FAIL_INPUT; FAIL_ABSENT: of another PCE-ID. */
fallible pck_certs_add(struct pck_certs *certs, struct span pem, const char *chain,
                       const struct root_set *roots, const char *pce_id);

struct tcs_pck {
    struct tcs_cache *cache;
    struct tcs_upstreams *upstreams;
    const struct root_set *roots;
};

enum pck_outcome {
    PCK_FOUND,
    PCK_UNKNOWN_PLATFORM, /* 461 */
    PCK_NONE_SUITS,       /* 404 */
    PCK_NOT_AVAILABLE,    /* 462 */
    PCK_UPSTREAM_FAILS,   /* 502 */
    PCK_TOO_MANY_ASK      /* 503: of what is not known (ask_gate.h) */
};
struct pck_answer {
    enum pck_outcome outcome;
    char tcbm[TCBM_DIGITS + 1], fmspc[13], ca[10];
    char *pem, *chain;
    unsigned retry_seconds; /* PCK_TOO_MANY_ASK */
};
void pck_answer_done(struct pck_answer *a);
static inline void pck_answer_donep(struct pck_answer *a)
{
    pck_answer_done(a);
}
fallible tcs_pck_get(const struct tcs_pck *p, const struct raw_platform *raw, int64_t now,
                     struct pck_answer *out);

/* Chooses for this raw TCB among certificates, with the cache's TCB info. FAIL_ABSENT: none. */
fallible tcs_pck_choose(const struct tcs_pck *p, const struct pck_certs *certs,
                        const struct raw_platform *raw, int64_t now, size_t *out);

/* The same for what strangers name: what an upstream had nothing for is remembered for a while, and
 * `*seconds` of PCK_TOO_MANY_ASK is when to come again. */
fallible tcs_pck_provide_once(const struct tcs_pck *p, const struct raw_platform *raw,
                              enum pck_outcome *outcome, unsigned *seconds);

/* All of a platform's certificates from the PCS, kept. */
fallible tcs_pck_provide(const struct tcs_pck *p, const struct raw_platform *raw,
                         enum pck_outcome *outcome);

#endif
