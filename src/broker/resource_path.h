// SPDX-License-Identifier: Apache-2.0
/*
 * Names under which guests of Confidential Containers ask for keys: "repository/type/tag", each
 * once in a tenant. The key's record, under its MAC, says the name, too; what only the table says
 * counts for nothing.
 */
#ifndef BROKER_RESOURCE_PATH_H
#define BROKER_RESOURCE_PATH_H

#include "broker/entry.h"

#define RESOURCE_PATH_MAX 192
#define RESOURCE_POLICIES_MAX 16 /* appraisal policies that a guest's evidence is judged by */

/* Three parts of letters, digits, '_', '-' and, not at their start, '.'. */
bool resource_path_valid(struct span path);

/* FAIL_CONFLICT: another key of the tenant has this name. */
fallible resource_path_add(struct store *s, struct span tenant, struct span path, struct span id);
/* Whatever name the key has. */
fallible resource_path_remove(struct store *s, struct span tenant, struct span id);
/* The key of this name. FAIL_ABSENT. */
fallible resource_path_find(struct store *s, const struct secret *integrity, struct span tenant,
                            struct span path, struct key_entry *out);
/* Names of the appraisal policies that the policies of a tenant's named keys ask for, "default"
 * first: as many as one request may have. */
fallible resource_policy_ids(struct store *s, const struct secret *integrity,
                             struct policy_cache *cache, struct span tenant, json_t **out);

#endif
