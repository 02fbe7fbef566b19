// SPDX-License-Identifier: Apache-2.0
/* Talking to Vault: tokens, retries, both versions of its KV store; what the entries mean is vault.c's. */
#ifndef KEYS_VAULT_INTERNAL_H
#define KEYS_VAULT_INTERNAL_H

#include "base/json.h"
#include "keys/vault.h"

struct vault_link;

fallible vault_link_open(const struct vault_config *config, struct vault_link **out);
void vault_link_close(struct vault_link *l);
OWNED_TYPE(struct vault_link, vault_link_close)

/* Paths are below the mount. FAIL_ABSENT: no such entry. The entry's fields; wiped with vault_entry_free. */
fallible vault_read(struct vault_link *l, const char *path, json_t **fields);
/* Takes `fields`. With KV 2 an entry that is there already is FAIL_CONFLICT. */
fallible vault_write(struct vault_link *l, const char *path, json_t *fields);
fallible vault_delete(struct vault_link *l, const char *path);
/* Unsealed, active, and the mount is a KV store. */
fallible vault_health(struct vault_link *l);

/* Wipes every text in it before it goes. */
void vault_entry_free(json_t *fields);
OWNED_TYPE(json_t, vault_entry_free)

#endif
