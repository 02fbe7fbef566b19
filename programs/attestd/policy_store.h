// SPDX-License-Identifier: Apache-2.0
/*
 * Appraisal policies: tenant, name, version, digest, document, author; and all earlier versions of
 * each, as long as the policy is there. "default" is built in and never stored.
 */
#ifndef ATTESTD_POLICY_STORE_H
#define ATTESTD_POLICY_STORE_H

#include "base/bounds.h"
#include "base/json.h"
#include "store/store.h"

#define POLICY_VERSIONS_MAX 1000 /* kept and listed of one policy; the oldest go first */

struct policy_store;
/* `builtin`: the document of "default". */
fallible policy_store_open(const char *url, const json_t *builtin, struct policy_store **out);
void policy_store_close(struct policy_store *s);
OWNED_TYPE(struct policy_store, policy_store_close)

/* What is written, and by whom. */
struct policy_change {
    const json_t *document;
    const char *author; /* subject of the token */
    int64_t restored;   /* the version whose content it is; 0: none */
    int64_t now;
};

/* Rows as the interface shows them: {"id","name","version","digest","policy","author","created_at",
 * "updated_at","restored_from"?}. `id` may be a name. FAIL_ABSENT; FAIL_CONFLICT for a name that is
 * taken and for changes to "default". */
fallible policy_store_create(struct policy_store *s, struct span tenant, struct span name,
                             const struct policy_change *change, json_t **row);
fallible policy_store_get(struct policy_store *s, struct span tenant, struct span id, json_t **row);
fallible policy_store_list(struct policy_store *s, struct span tenant, json_t **rows);
fallible policy_store_update(struct policy_store *s, struct span tenant, struct span id,
                             const struct policy_change *change, json_t **row);
fallible policy_store_delete(struct policy_store *s, struct span tenant, struct span id);

/* One version, as a row; `updated_at` is when it was written. */
fallible policy_store_version(struct policy_store *s, struct span tenant, struct span id,
                              int64_t version, json_t **row);
/* The newest first, without documents. */
fallible policy_store_versions(struct policy_store *s, struct span tenant, struct span id,
                               json_t **rows);
/* A new version with the content of an earlier one. */
fallible policy_store_rollback(struct policy_store *s, struct span tenant, struct span id,
                               int64_t version, const char *author, int64_t now, json_t **row);

/* 1 to POLICY_NAME_MAX of [A-Za-z0-9._-], starting with a letter or digit, and no uuid. */
bool policy_name_valid(struct span name);

#endif
