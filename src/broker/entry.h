// SPDX-License-Identifier: Apache-2.0
/* Keys and transfer policies as the broker keeps them: verified rows with their content understood.
 */
#ifndef BROKER_ENTRY_H
#define BROKER_ENTRY_H

#include "broker/key_versions.h"
#include "broker/policy_cache.h"
#include "broker/row.h"
#include "broker/transfer_policy.h"
#include "keys/key_spec.h"
#include "keys/keystore.h"

struct key_entry {
    struct row row; /* link: the policy's id */
    json_t *content;
    struct key_versions versions;
    struct key_spec spec;     /* of the version that is released, else of the newest */
    struct span label, whose; /* borrow from content; whose: of a removal, the key's id */
};
void key_entry_done(struct key_entry *k);
static inline void key_entry_donep(struct key_entry *k)
{
    key_entry_done(k);
}
/* Takes the row. */
fallible key_entry_of(struct row *row, struct key_entry *out);
fallible key_entry_read(struct store *s, const struct secret *integrity, struct span tenant,
                        struct span id, struct key_entry *out);
/* Number of the version that is released; 0: none is. */
uint64_t key_entry_version(const struct key_entry *k);
/* Algorithm and size, as a record states them. */
fallible key_entry_spec(const json_t *content, struct key_spec *out);
struct key_ref key_entry_ref(const struct key_entry *k, const struct key_version *v);
/* `k`'s row with its versions as they are now, one row version on. */
fallible key_entry_changed(const struct key_entry *k, struct row *out);
/* The JSON of GET /kbs/v1/keys/{id}, without the link that only the front end knows. */
json_t *key_entry_json(const struct key_entry *k);

struct policy_entry {
    struct row row; /* link: the name or "" */
    json_t *content;
    struct transfer_policy *policy;
};
void policy_entry_done(struct policy_entry *p);
static inline void policy_entry_donep(struct policy_entry *p)
{
    policy_entry_done(p);
}
/* `cache` may be NULL. */
fallible policy_entry_of(struct row *row, struct policy_cache *cache, struct policy_entry *out);
/* By id or by name. */
fallible policy_entry_read(struct store *s, const struct secret *integrity,
                           struct policy_cache *cache, struct span tenant, struct span id,
                           struct policy_entry *out);
/* The document's members, and id, version, tenant, digest, created_at, updated_at. */
json_t *policy_entry_json(const struct policy_entry *p);
/* A row of a policy's document. */
fallible policy_row_make(struct span tenant, struct span id, const struct transfer_policy *p,
                         const char *created_at, const char *updated_at, struct row *out);

#endif
