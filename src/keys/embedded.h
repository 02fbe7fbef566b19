// SPDX-License-Identifier: Apache-2.0
/*
 * The embedded key manager: a SQLite file of its own, each key sealed by AES-256-GCM under a master
 * key, which is sealed itself (seal.h). Tenant, id and version are associated data, so a row moved
 * to another name does not open.
 */
#ifndef KEYS_EMBEDDED_H
#define KEYS_EMBEDDED_H

#include "keys/keystore.h"
#include "keys/seal.h"

struct embedded_config {
    const char *store_url;
    const char *master_key_file; /* where the root key is, for SEAL_FILE: mode 0600 */
    enum seal_kind seal;         /* of a new root key; an older one's is in the store */
    struct seal_hsm *hsm;        /* borrowed; NULL: none */
};

/* With SEAL_FILE what is missing is made. The others begin sealed, and uninitialized. */
fallible embedded_open(const struct embedded_config *config, struct keystore **out);

#endif
