// SPDX-License-Identifier: Apache-2.0
/*
 * Who signs: the issuing CA's key and the chain from its certificate up to a root, in a folder. The
 * root may be the issuing CA itself, or sign one intermediate and then stay away: its key is a file
 * that only issuer_create() reads. The issuing key is a file of mode 0600 or signs in a token.
 *
 * A chain is taken only when all of it holds (RFC 5280 section 6.1 for a chain of CAs): each is a
 * CA that may sign certificates, path lengths allow what is below, names and signatures lead up to
 * a self-signed root, no critical extension is unknown, all are valid now, the keys are not weak,
 * and the issuing certificate is of the key and may sign revocation lists.
 */
#ifndef PKI_ISSUER_H
#define PKI_ISSUER_H

#include "crypto/x509.h"

#define ISSUER_KEY_FILE "ca.key"         /* 0600; not there when a token holds the key */
#define ISSUER_CHAIN_FILE "ca.pem"       /* the issuing certificate first, the root last */
#define ISSUER_CHAIN_MAX (CHAIN_MAX - 1) /* with a leaf it is a chain */

struct issuer {
    struct key *key;
    struct chain chain;
};
void issuer_done(struct issuer *i);
static inline void issuer_donep(struct issuer *i)
{
    issuer_done(i);
}
const struct cert *issuer_cert(const struct issuer *i);
const struct cert *issuer_root(const struct issuer *i);

struct issuer_order {
    const char *common_name; /* of the root */
    int64_t now;
    unsigned years; /* the root's life */
    /* A file with the root's key, made where there is none: then an intermediate issues. NULL: the
     * root does. */
    const char *root_key;
    const char *root_certificate; /* with a root_key that is there already: its certificate */
    unsigned intermediate_years;
    struct key *token; /* the issuing key where a token has it; NULL: made in the folder */
};
/* FAIL_CONFLICT: the folder has an authority. */
fallible issuer_create(const char *folder, const struct issuer_order *order);
/* Takes an enterprise's CA: its certificate and those above it, PEM, and its key (`token` says
 * where it signs). FAIL_INPUT says what does not hold. */
fallible issuer_import(const char *folder, struct span chain_pem, struct key *key, bool token,
                       int64_t now);
/* `token`: the key where a token has it, else NULL. */
fallible issuer_load(const char *folder, struct key *token, struct issuer *out);

fallible issuer_check(const struct chain *chain, const struct key *key, int64_t now);

#endif
