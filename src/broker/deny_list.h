// SPDX-License-Identifier: Apache-2.0
/*
 * The tenants' deny lists (policy/deny.h) as keyd keeps them: one row a tenant, with a MAC and a
 * version, and every version on record in the audit log, so a list that was taken away or put back
 * shows. A list is read from the store for each decision: its age is never more than the decision's
 * own, and a list that cannot be read refuses.
 *
 * What tenant `default` denies, the operator's, is denied to all; another tenant's list holds for
 * itself.
 */
#ifndef BROKER_DENY_LIST_H
#define BROKER_DENY_LIST_H

#include "broker/row.h"
#include "policy/deny.h"

#define DENY_LIST_ID "deny-list" /* its row's id, and the key_id of its audit records */

struct deny_list {
    uint64_t version; /* 0: never changed */
    json_t *entries;  /* array */
};
void deny_list_done(struct deny_list *l);
static inline void deny_list_donep(struct deny_list *l)
{
    deny_list_done(l);
}
struct deny_cache;
fallible deny_cache_new(struct deny_cache **out);
void deny_cache_free(struct deny_cache *c);
OWNED_TYPE(struct deny_cache, deny_cache_free)

/* FAIL_DENIED: changed, taken away or put back outside of keyd. `cache` (may be NULL) saves
 * understanding the same bytes again. */
fallible deny_list_read(struct store *s, const struct secret *integrity, struct deny_cache *cache,
                        struct span tenant, struct deny_list *out);
/* The next version, in the caller's transaction. FAIL_CONFLICT: somebody else was first. */
fallible deny_list_write(struct store *s, const struct secret *integrity, struct span tenant,
                         const struct deny_list *l);

#endif
