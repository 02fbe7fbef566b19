// SPDX-License-Identifier: Apache-2.0
/* Certificate revocation lists (RFC 5280 section 5): parsing, the facts a verifier decides on,
 * issuing. */
#ifndef CRYPTO_CRL_H
#define CRYPTO_CRL_H

#include "base/bounds.h"
#include "crypto/x509.h"

struct crl;

/* DER, PEM, or the hex text of DER (any case, NUL or newline at the end), told by the first byte.
 */
fallible crl_parse(struct span text, struct crl **out);
void crl_free(struct crl *c);
OWNED_TYPE(struct crl, crl_free)

struct span crl_der(const struct crl *c);
struct span crl_issuer(const struct crl *c); /* raw DN */
int64_t crl_this_update(const struct crl *c);
bool crl_has_next_update(const struct crl *c);
int64_t crl_next_update(const struct crl *c);
struct span crl_number(const struct crl *c); /* big-endian; empty when absent */
struct span crl_authority_key_id(const struct crl *c);
bool crl_has_unknown_critical(const struct crl *c);
fallible crl_signed_by(const struct crl *c, const struct key *issuer, bool *good);
/* `serial` big-endian without leading zeros. */
bool crl_lists(const struct crl *c, struct span serial);

/* Why, RFC 5280 section 5.3.1; 0 (unspecified) is not written. */
struct crl_entry {
    struct span serial;
    int64_t at;
    uint8_t reason;
};
fallible crl_issue_entries(const struct cert *issuer, const struct key *issuer_key,
                           const struct crl_entry *entries, size_t count, int64_t this_update,
                           int64_t next_update, uint64_t number, struct crl **out);
/* All of them revoked at `this_update`, without a reason. */
fallible crl_issue(const struct cert *issuer, const struct key *issuer_key,
                   const struct span *serials, size_t count, int64_t this_update,
                   int64_t next_update, uint64_t number, struct crl **out);

#endif
