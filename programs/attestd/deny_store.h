// SPDX-License-Identifier: Apache-2.0
/*
 * The attestation service's deny lists (policy/deny.h), one a tenant; what tenant `default` denies
 * is denied to all. Read from the store for each appraisal, so that a change holds at once on every
 * instance that shares it. Entries that were taken out stay, with who did it and when.
 */
#ifndef ATTESTD_DENY_STORE_H
#define ATTESTD_DENY_STORE_H

#include "policy/deny.h"
#include "store/store.h"

struct deny_store;
fallible deny_store_open(const char *url, struct deny_store **out);
void deny_store_close(struct deny_store *s);
OWNED_TYPE(struct deny_store, deny_store_close)

struct deny_order {
    struct span tenant, kind, value, reason;
    const char *author;
    int64_t now;
};
/* {"id","kind","value","reason","author","created_at"}. FAIL_INPUT; FAIL_CONFLICT: it is there;
 * FAIL_LIMIT: the list is full. */
fallible deny_store_add(struct deny_store *s, const struct deny_order *o, json_t **row);
/* `name`: "fmspc:00806f050000". FAIL_ABSENT. */
fallible deny_store_remove(struct deny_store *s, struct span tenant, struct span name,
                           const char *author, int64_t now);
fallible deny_store_list(struct deny_store *s, struct span tenant, json_t **rows);
/* What holds for a tenant: its own entries and the operator's. */
fallible deny_store_in_force(struct deny_store *s, struct span tenant, json_t **rows);
/* The same as JSON text, which is malloc'ed. An empty tenant: the operator's alone. */
fallible deny_store_in_force_text(struct deny_store *s, struct span tenant, char **text);

#endif
