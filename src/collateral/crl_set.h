// SPDX-License-Identifier: Apache-2.0
/*
 * The two revocation lists of a verification: the root CA's, which revokes intermediate CAs and TCB
 * signers, and the PCK CA's, which revokes platforms. Authenticated once; their windows and serial
 * numbers are looked at for each verification.
 */
#ifndef COLLATERAL_CRL_SET_H
#define COLLATERAL_CRL_SET_H

#include "collateral/chain_rule.h"
#include "crypto/crl.h"

struct crl_item {
    struct crl *crl;   /* NULL: missing or unreadable */
    const char *wrong; /* NULL: authentic */
    struct window window;
};

/* What is wrong is remembered, not returned. */
fallible crl_item_parse(struct span text, struct crl_item *item);
void crl_item_done(struct crl_item *item);
/* `numbered`: it must have a number and name its issuer's key, as Intel's profile demands; a name
 * that is there must be right in any case. */
fallible crl_item_authenticate(struct crl_item *item, const struct cert *issuer, bool numbered);

struct crl_set {
    struct crl_item root, pck;
    struct chain issuer;      /* of the PCK CRL: intermediate, root */
    const char *issuer_wrong; /* NULL: authentic */
    size_t issuer_root;
};

/* Parses what is there. What is wrong is remembered, not returned. */
fallible crl_set_load(struct span root_crl, struct span pck_crl, struct span issuer_chain,
                      const struct root_set *roots, struct crl_set *out);
/* The root CRL, once it is known on which root everything rests (NULL: on none). */
fallible crl_set_authenticate_root(struct crl_set *s, const struct cert *root);
void crl_set_done(struct crl_set *s);

#endif
