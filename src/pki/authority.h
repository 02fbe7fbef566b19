// SPDX-License-Identifier: Apache-2.0
/*
 * The certification authority of cmsd: what it issues (issuer.h says with which key), the register
 * of that, and its revocation list. A certificate is in the register, durably, before anyone gets
 * it, so that each one can be revoked.
 *
 * What may be issued to whom is csr_policy.h's; authority_issue() only repeats csr_check(). Safe
 * for many threads: it takes the store's lock.
 */
#ifndef PKI_AUTHORITY_H
#define PKI_AUTHORITY_H

#include "pki/csr_policy.h"
#include "pki/issuer.h"
#include "store/store.h"

#define AUTHORITY_SERIAL_TEXT_MAX 64
#define AUTHORITY_LIST_MAX 1000
#define AUTHORITY_CRL_ENTRIES_MAX 16384 /* with reasons: 1 MiB */

struct authority;

struct authority_config {
    const char *folder;  /* the issuer's */
    struct key *token;   /* its key where a token has it, else NULL */
    const char *crl_url; /* stands in what is issued; NULL: nowhere */
    int64_t crl_seconds; /* from an edition of the list to its next update */
};
fallible authority_open(const struct authority_config *config, struct store *store,
                        struct authority **out);
void authority_close(struct authority *a);
OWNED_TYPE(struct authority, authority_close)

const struct cert *authority_cert(const struct authority *a); /* the issuing one */
const struct cert *authority_root(const struct authority *a);

struct authority_order {
    const char *tenant, *requester; /* who asks: a user, or "local" */
    const struct csr *csr;
    enum cert_type type;
    int64_t now;
    int64_t seconds; /* of its life */
};
/* Appends the certificate and those above it up to the root, PEM. The end is cut to the
 * authority's own end. */
fallible authority_issue(struct authority *a, const struct authority_order *order,
                         struct buf *chain);

enum revocation_reason { /* RFC 5280 section 5.3.1 */
                         REVOKED_UNSPECIFIED = 0,
                         REVOKED_KEY_COMPROMISE = 1,
                         REVOKED_AFFILIATION_CHANGED = 3,
                         REVOKED_SUPERSEDED = 4,
                         REVOKED_CESSATION = 5,
                         REVOKED_PRIVILEGE_WITHDRAWN = 9
};
/* "key_compromise"; an empty text is "unspecified". */
bool revocation_reason_parse(struct span text, enum revocation_reason *out);
const char *revocation_reason_name(enum revocation_reason reason);

/* `serial` in hexadecimal. FAIL_ABSENT: not ours or another tenant's. Twice is fine: the first time
 * counts. */
fallible authority_revoke(struct authority *a, const char *tenant, struct span serial,
                          enum revocation_reason reason, int64_t now);
/* [{"serial","common_name","san","cert_type","requester","not_before","not_after","revoked_at"?,
 * "reason"?}], newest first. */
fallible authority_list(struct authority *a, const char *tenant, json_t **out);
/* The same of one, with "pem". FAIL_ABSENT. */
fallible authority_show(struct authority *a, const char *tenant, struct span serial, json_t **out);
/* The list in force, DER: made anew when something was revoked since, or when a quarter of its life
 * has passed. */
fallible authority_crl(struct authority *a, int64_t now, struct buf *out);

/* Who holds a certificate of ours, as the register has it. FAIL_DENIED: this is none of ours, or it
 * has expired or was revoked: whatever else was issued under the serial, it must be this one (L27).
 */
struct authority_holder {
    char *tenant, *common_name;
    json_t *sans;
    enum cert_type type;
};
void authority_holder_done(struct authority_holder *h);
static inline void authority_holder_donep(struct authority_holder *h)
{
    authority_holder_done(h);
}
fallible authority_know(struct authority *a, const struct cert *c, int64_t now,
                        struct authority_holder *out);

#endif
