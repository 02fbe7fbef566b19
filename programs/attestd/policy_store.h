// SPDX-License-Identifier: Apache-2.0
/* Appraisal policies: tenant, name, version, digest, document. "default" is built in and never
 * stored. */
#ifndef ATTESTD_POLICY_STORE_H
#define ATTESTD_POLICY_STORE_H

#include "base/json.h"
#include "store/store.h"

#define POLICY_NAME_MAX 64

struct policy_store;
fallible policy_store_open(const char *url, struct policy_store **out);
void policy_store_close(struct policy_store *s);
OWNED_TYPE(struct policy_store, policy_store_close)

/* Rows as the interface shows them:
 * {"id","name","version","digest","policy","created_at","updated_at"}. `id` may be a name.
 * FAIL_ABSENT; FAIL_CONFLICT for a name that is taken and for changes to "default". */
fallible policy_store_create(struct policy_store *s, struct span tenant, struct span name,
                             const json_t *document, int64_t now, json_t **row);
fallible policy_store_get(struct policy_store *s, struct span tenant, struct span id, json_t **row);
fallible policy_store_list(struct policy_store *s, struct span tenant, json_t **rows);
fallible policy_store_update(struct policy_store *s, struct span tenant, struct span id,
                             const json_t *document, int64_t now, json_t **row);
fallible policy_store_delete(struct policy_store *s, struct span tenant, struct span id);

/* 1 to POLICY_NAME_MAX of [A-Za-z0-9._-], starting with a letter or digit, and no uuid. */
bool policy_name_valid(struct span name);

#endif
