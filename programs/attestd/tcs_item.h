// SPDX-License-Identifier: Apache-2.0
/* The kinds of collateral that tcs serves: their names, where an upstream has them, and what makes
 * one acceptable. */
#ifndef ATTESTD_TCS_ITEM_H
#define ATTESTD_TCS_ITEM_H

#include "base/buf.h"

#define TCS_BODY_MAX (1U << 20)
#define TCS_CHAIN_MAX (16U << 10)
#define TCS_KEY_MAX 64
#define FMSPC_DIGITS 12

enum tcs_kind { TCS_TCB_INFO, TCS_QE_IDENTITY, TCS_PCK_CRL, TCS_ROOT_CRL };

struct tcs_id {
    enum tcs_kind kind;
    bool tdx;                     /* TCB info, QE identity */
    bool early;                   /* update=early; else standard */
    bool platform_ca;             /* PCK CRL; else processor */
    char fmspc[FMSPC_DIGITS + 1]; /* upper case */
};
/* "tdx/tcb/00806F050000/standard": the item's name in cache and store. */
void tcs_id_key(const struct tcs_id *id, char out[TCS_KEY_MAX]);
/* "/tdx/certification/v4/tcb?fmspc=00806F050000&update=standard" */
void tcs_id_path(const struct tcs_id *id, struct buf *out);
/* The header that carries the issuer chain, lower case; NULL: none. */
const char *tcs_chain_header(const struct tcs_id *id);
/* 12 hex digits, either case, to upper case. */
bool tcs_fmspc_parse(struct span text, char out[FMSPC_DIGITS + 1]);

struct tcs_item {
    struct buf body; /* JSON exactly as signed; CRLs in DER */
    char *chain;     /* percent-encoded PEM as served, NULL for the root CRL */
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
/* FAIL_UPSTREAM when `next` is older than what was seen before, however well signed. */
fallible tcs_item_succeeds(const struct tcs_item *seen, const struct tcs_item *next);

/* The chain's PEM text. */
fallible tcs_chain_decode(const char *chain, struct buf *pem);

#endif
