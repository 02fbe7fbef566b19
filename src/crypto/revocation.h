// SPDX-License-Identifier: Apache-2.0
/*
 * Is a certificate revoked? Revocation lists of several issuers in one text, and what they say of a
 * certificate whose issuer is at hand. Everything but REVOCATION_GOOD is a reason to refuse: no
 * list of its issuer, a list that another key signed, one that is past its next update and the
 * grace given, one with extensions that are not known (RFC 5280 section 6.3).
 */
#ifndef CRYPTO_REVOCATION_H
#define CRYPTO_REVOCATION_H

#include "crypto/crl.h"

#define REVOCATION_LISTS_MAX 8
#define REVOCATION_TEXT_MAX (REVOCATION_LISTS_MAX * 2 * CRL_DER_MAX)

struct revocation;

enum revocation_verdict {
    REVOCATION_GOOD,
    REVOCATION_REVOKED,
    REVOCATION_MISSING, /* no list of this issuer */
    REVOCATION_UNSOUND, /* not by the issuer's key, or not one that can be relied on */
    REVOCATION_STALE
};
/* One sentence. */
const char *revocation_text(enum revocation_verdict v);

/* One list in DER, or up to REVOCATION_LISTS_MAX in PEM. */
fallible revocation_parse(struct span text, struct revocation **out);
void revocation_free(struct revocation *r);
OWNED_TYPE(struct revocation, revocation_free)

/* Used by one thread at a time: it remembers whose key a list's signature was good by. */
enum revocation_verdict revocation_judge(struct revocation *r, const struct cert *c,
                                         const struct cert *issuer, int64_t now, int64_t grace);
bool revocation_covers(const struct revocation *r, const struct cert *c);
/* The earliest next update of them; 0: one has none. `this_update`, of the same list, may be NULL.
 */
int64_t revocation_next_update(const struct revocation *r, int64_t *this_update);

#endif
