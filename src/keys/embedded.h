// SPDX-License-Identifier: Apache-2.0
/*
 * The embedded key manager: a SQLite file of its own, each key sealed by AES-256-GCM under a master
 * key in a file of mode 0600, made where there is none. Tenant, id and version are associated data,
 * so a row moved to another name does not open.
 */
#ifndef KEYS_EMBEDDED_H
#define KEYS_EMBEDDED_H

#include "keys/keystore.h"

fallible embedded_open(const char *store_url, const char *master_key_file, struct keystore **out);

#endif
