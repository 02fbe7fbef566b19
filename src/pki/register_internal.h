// SPDX-License-Identifier: Apache-2.0
/* The register of issued certificates: rows of the store. Callers hold the store's lock. */
#ifndef PKI_REGISTER_INTERNAL_H
#define PKI_REGISTER_INTERNAL_H

#include "crypto/crl.h"
#include "pki/authority.h"

fallible register_schema_apply(struct store *s);
fallible register_add(struct store *s, const struct authority_order *order, const struct cert *c);
fallible register_revoke(struct store *s, const char *tenant, const char *serial,
                         enum revocation_reason reason, int64_t now);
fallible register_list(struct store *s, const char *tenant, json_t **out);
fallible register_show(struct store *s, const char *tenant, const char *serial, json_t **out);
/* The very bytes of `c` are in the register, and not revoked; else FAIL_DENIED. */
fallible register_know(struct store *s, const struct cert *c, struct authority_holder *out);

/* How many were ever revoked: what tells an old list from the one in force. */
fallible register_revoked_mark(struct store *s, int64_t *out);
/* Revoked, unexpired certificates, ordered by serial. */
struct revoked_set {
    struct crl_entry *entries;
    uint8_t (*serials)[20]; /* RFC 5280 section 4.1.2.2: at most 20 bytes */
    size_t count;
};
void revoked_set_done(struct revoked_set *r);
static inline void revoked_set_donep(struct revoked_set *r)
{
    revoked_set_done(r);
}
fallible register_revoked(struct store *s, int64_t now, struct revoked_set *out);
/* 1, 2, ...: each number is given out once. */
fallible register_next_crl_number(struct store *s, uint64_t *out);

/* The content of the extension that says where the revocation list is. */
fallible crl_point_write(const char *url, struct buf *out);

#endif
