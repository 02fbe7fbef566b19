// SPDX-License-Identifier: Apache-2.0
/* The key manager's functions for keys in Vault's transit engine. FAIL_ABSENT: the key is not
 * there. */
#ifndef KEYS_VAULT_STAY_INTERNAL_H
#define KEYS_VAULT_STAY_INTERNAL_H

#include "keys/keystore.h"

/* Made or looked for there, not in the KV store. */
bool vault_stays_inside(struct keystore *self, const struct key_ref *ref);
struct err vault_stay_use(struct keystore *self, const struct key_ref *ref,
                          const struct key_spec *spec, const struct key_use *u, struct buf *result);
struct err vault_stay_public(struct keystore *self, const struct key_ref *ref,
                             const struct key_spec *spec, struct buf *spki);
struct err vault_stay_describe(struct keystore *self, const struct key_ref *ref,
                               struct key_spec *spec);
struct err vault_stay_destroy(struct keystore *self, const struct key_ref *ref);

#endif
