// SPDX-License-Identifier: Apache-2.0
/*
 * The certification authority of cmsd: a root (P-256, ECDSA with SHA-256, path length 0) in a
 * folder of its own, the register of what it has issued, and its revocation list. A certificate is
 * in the register, durably, before anyone gets it, so that each one can be revoked.
 *
 * What may be issued to whom is csr_policy.h's; authority_issue() only repeats csr_check(). Safe
 * for many threads: it takes the store's lock.
 */
#ifndef PKI_AUTHORITY_H
#define PKI_AUTHORITY_H

#include "pki/csr_policy.h"
#include "store/store.h"

#define AUTHORITY_KEY_FILE "ca.key" /* 0600 */
#define AUTHORITY_CERT_FILE "ca.pem"
#define AUTHORITY_SERIAL_TEXT_MAX 64
#define AUTHORITY_LIST_MAX 1000
#define AUTHORITY_CRL_ENTRIES_MAX 16384

struct authority;

/* Makes key and certificate in `folder`; FAIL_CONFLICT where there is a key already. */
fallible authority_create(const char *folder, const char *common_name, int64_t now, unsigned years);
fallible authority_open(const char *folder, struct store *store, struct authority **out);
void authority_close(struct authority *a);
OWNED_TYPE(struct authority, authority_close)

const struct cert *authority_cert(const struct authority *a);

struct authority_order {
    const char *tenant, *requester; /* who asks: a user, or "local" */
    const struct csr *csr;
    enum cert_type type;
    int64_t now;
    unsigned days;
};
/* Appends the certificate and the authority's own, PEM. The end is cut to the authority's own end.
 */
fallible authority_issue(struct authority *a, const struct authority_order *order,
                         struct buf *chain);

/* `serial` in hexadecimal. FAIL_ABSENT: not ours or another tenant's. Twice is fine: the first time
 * counts. */
fallible authority_revoke(struct authority *a, const char *tenant, struct span serial, int64_t now);
/* [{"serial","common_name","san","cert_type","requester","not_before","not_after","revoked_at"?}],
 * newest first. */
fallible authority_list(struct authority *a, const char *tenant, json_t **out);
/* The list in force, DER: made anew when something was revoked since, or when a quarter of its week
 * has passed. */
fallible authority_crl(struct authority *a, int64_t now, struct buf *out);

#endif
