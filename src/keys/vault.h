// SPDX-License-Identifier: Apache-2.0
/*
 * The key manager on a Vault or OpenBao server: one secret a key in a KV store, version 1 or 2,
 * under MOUNT/PREFIX/TENANT/ID/VERSION; its field "key" is PEM (PKCS#8), or base64 for AES. A key
 * that was there before is named by its path in the mount, or PATH#FIELD.
 *
 * The token's file is read for every call, so a renewed token counts at once. A server that is
 * down, sealed or without an active node is asked again for about two seconds, then the call is
 * FAIL_UPSTREAM, each with words of its own.
 */
#ifndef KEYS_VAULT_H
#define KEYS_VAULT_H

#include "keys/keystore.h"

struct vault_config {
    const char *url;        /* https://HOST:PORT */
    const char *ca_file;    /* PEM; NULL: the system's store */
    const char *token_file; /* mode 0600 */
    const char *mount, *prefix;
    unsigned kv_version;   /* 1 or 2; 0: ask the server at the first use */
    bool allow_plain_http; /* http:// is allowed, to loopback addresses only */
};

/* A server that does not answer now is no failure here: health() tells. */
fallible vault_open(const struct vault_config *config, struct keystore **out);

#endif
