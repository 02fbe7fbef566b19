// SPDX-License-Identifier: Apache-2.0
/*
 * Tenants. Tenant `default` is the operator's own: it always exists, and its administrators make
 * and remove the others, but see nothing in them. Each call is one transaction and takes the
 * store's lock.
 */
#ifndef ACCESS_TENANT_H
#define ACCESS_TENANT_H

#include "access/schema.h"
#include "base/json.h"

#define TENANT_LIST_MAX 1000

/* FAIL_INPUT: not a name. FAIL_CONFLICT: there is or was such a tenant: a name is never given anew,
 * since other services may still hold keys and policies under it. */
fallible tenant_create(struct store *s, struct span name, int64_t now, json_t **out);
/* FAIL_ABSENT. */
fallible tenant_find(struct store *s, struct span name, json_t **out);
/* By name, after `after`, at most TENANT_LIST_MAX. A JSON array. */
fallible tenant_list(struct store *s, struct span after, json_t **out);
/* Its users and roles go. FAIL_ABSENT; FAIL_INPUT for `default`. */
fallible tenant_delete(struct store *s, struct span name, int64_t now);

#endif
