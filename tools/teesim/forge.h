// SPDX-License-Identifier: Apache-2.0
/*
 * A whole set of evidence and collateral from one struct of knobs. forge_defaults() fills it with a
 * good platform; whoever tests a rule turns one knob and calls forge_make(), which writes and signs
 * everything anew, so that nothing but that one thing is wrong.
 *
 *     struct forge_knobs k;
 *     forge_defaults(&pki, FORGE_TDX4, now, &k);
 *     k.quote.body[AT_TD_ATTRIBUTES] |= 1;
 *     forge_make(&k, &set);
 */
#ifndef TEESIM_FORGE_H
#define TEESIM_FORGE_H

#include "teesim/pck_extension.h"
#include "teesim/pki.h"
#include "teesim/quote.h"
#include "teesim/tcb.h"

#define FORGE_CHAIN_MAX 6
#define FORGE_EDITS_MAX 4
#define FORGE_ISSUED_AGO 3600
#define FORGE_LIFETIME (30 * 86400)

/* "TEESIM" */
extern const uint8_t forge_fmspc[6];

struct forge_edit {
    const char *from, *to; /* the first `from` becomes `to` */
};

struct forge_document {
    const struct key *signer;
    bool broken_signature;
    struct span inner;                        /* not empty: signed in place of the written form */
    struct forge_edit edits[FORGE_EDITS_MAX]; /* of the inner text, before it is signed */
    struct forge_edit later[FORGE_EDITS_MAX]; /* of the whole document, after */
};

struct forge_chain { /* DER, in the order in which they are written as PEM */
    struct span certs[FORGE_CHAIN_MAX];
    size_t count;
    const char *before, *after; /* text around them */
};

struct forge_knobs {
    enum forge_tee tee;
    struct forge_pck pck;
    struct forge_certificate
        leaf;                 /* the SGX extension and an empty serial are filled in from `pck` */
    struct forge_quote quote; /* certification data that is empty is made of pck_chain */
    struct forge_chain pck_chain; /* [0] is the leaf: empty is filled in */
    struct forge_chain tcb_signing_chain, pck_crl_issuer_chain;
    struct forge_tcb_info tcb_info;
    struct forge_document tcb_document;
    struct forge_identity identity;
    struct forge_document identity_document;
    struct forge_crl root_crl, pck_crl;
    struct span root_der;                   /* for root_ca.pem */
    uint8_t leaf_serial[FORGE_KEY_ID_SIZE]; /* of the leaf as last made; its default is known
                                               beforehand */
};

/* Spans of the knobs point into `pki`, which must outlive them. */
fallible forge_defaults(const struct forge_pki *pki, enum forge_tee tee, int64_t now,
                        struct forge_knobs *out);
void forge_use_ca(struct forge_knobs *k, const struct forge_pki *pki, enum forge_ca ca);
/* The serial that a leaf of these contents gets: for CRLs. */
fallible forge_leaf_serial(const struct forge_pck *pck, uint8_t out[FORGE_KEY_ID_SIZE]);

/* The files of a vector set. */
struct forge_set {
    struct buf quote, tcb_info, qe_identity, tcb_signing_chain, pck_crl_issuer_chain, root_ca,
        root_ca_crl, pck_crl;
};
void forge_set_init(struct forge_set *s);
void forge_set_done(struct forge_set *s);
static inline void forge_set_donep(struct forge_set *s)
{
    forge_set_done(s);
}
/* Overwrites what is in the set. */
fallible forge_make(struct forge_knobs *k, struct forge_set *out);
/* Its parts. */
fallible forge_make_pck_chain(struct forge_knobs *k, struct buf *pem);
fallible forge_make_tcb_info(const struct forge_knobs *k, struct buf *out);
fallible forge_make_identity(const struct forge_knobs *k, struct buf *out);
fallible forge_make_chain(const struct forge_chain *chain, struct buf *pem);

#endif
