// SPDX-License-Identifier: Apache-2.0
/*
 * The key manager on a Vault or OpenBao server: one secret a key in a KV store, version 1 or 2,
 * under MOUNT/PREFIX/TENANT/ID/VERSION; its field "key" is PEM (PKCS#8), or base64 for AES. A key
 * that was there before is named by its path in the mount, or PATH#FIELD.
 *
 * The token's file is read for every call, so a new token counts at once; tend() renews it, or logs
 * in anew. Of several addresses the active node's is asked. A server that is down, sealed or
 * without an active node is asked again for about two seconds (a cluster: five), then the call is
 * FAIL_UPSTREAM, each with words of its own.
 */
#ifndef KEYS_VAULT_H
#define KEYS_VAULT_H

#include "keys/keystore.h"

struct crl_watch;

struct vault_config {
    const char *url;               /* https://HOST:PORT; of a cluster's nodes, between blanks */
    const char *ca_file;           /* PEM; NULL: the system's store */
    const char *certificate, *key; /* the client's, PEM, the key of mode 0600; NULL: none */
    const char *token_file;        /* mode 0600; or a login by AppRole: */
    const char *role_id_file, *secret_id_file; /* mode 0600 */
    const char *approle_mount;                 /* NULL: approle */
    bool secret_id_wrapped;                    /* the file holds the token of a wrapped secret id */
    const char *name_space;                    /* NULL: none */
    bool http2;                                /* where the server has it; else HTTP/1.1 */
    const char *mount, *prefix;
    const char *transit_mount; /* for keys that stay inside (vault_transit.h); NULL: none */
    unsigned kv_version;       /* 1 or 2; 0: ask the server at the first use */
    struct crl_watch *crl;     /* by which servers are refused; NULL: none */
    bool allow_plain_http;     /* http:// is allowed, to loopback addresses only */
};

/* A server that does not answer now is no failure here: health() tells. */
fallible vault_open(const struct vault_config *config, struct keystore **out);

#endif
