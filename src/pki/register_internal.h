// SPDX-License-Identifier: Apache-2.0
/* The register of issued certificates: rows of the store. Callers hold the store's lock. */
#ifndef PKI_REGISTER_INTERNAL_H
#define PKI_REGISTER_INTERNAL_H

#include "pki/authority.h"

fallible register_schema_apply(struct store *s);
fallible register_add(struct store *s, const struct authority_order *order, const struct cert *c);
fallible register_revoke(struct store *s, const char *tenant, const char *serial, int64_t now);
fallible register_list(struct store *s, const char *tenant, json_t **out);

/* How many were ever revoked: what tells an old list from the one in force. */
fallible register_revoked_mark(struct store *s, int64_t *out);
/* Serials of revoked, unexpired certificates, bytes one after another in `bytes`, `spans` into it.
 */
struct revoked_set {
    struct buf bytes;
    struct span *spans;
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

#endif
