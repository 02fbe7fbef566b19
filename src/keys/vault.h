// SPDX-License-Identifier: Apache-2.0
/*
 * HashiCorp Vault and OpenBao as a key manager: keys are entries of a KV store (version 1 or 2) at a mount, ours
 * under PREFIX/TENANT/ID/VERSION with the material in base64. A key that was there before is named by
 * "path" or "path#field" below the mount; its field holds PEM, or base64 of an AES key.
 *
 * TLS is verified; plain HTTP only to a loopback address and only when allowed. Sealed, standby and refused
 * connections are tried again for a moment, then FAIL_UPSTREAM.
 */
#ifndef KEYS_VAULT_H
#define KEYS_VAULT_H

#include "keys/keystore.h"

struct vault_config {
    const char *url, *ca_file, *token_file, *mount, *prefix;
    unsigned kv_version; /* 1, 2; 0: ask the server */
    bool allow_plain_http;
};

/* Needs no answer from the server: it may come up later. */
fallible vault_open(const struct vault_config *config, struct keystore **out);

#endif
