// SPDX-License-Identifier: Apache-2.0
/*
 * The key manager on a KMIP server (1.2 to 2.0) over mutual TLS. A key of ours is a symmetric or
 * private key with the name PREFIX/TENANT/ID/VERSION, which the server makes where it can and holds
 * active; one that was there before is named by the server's unique identifier. The key is read for
 * each wrap_to and sealed here: servers wrap, where they do at all, in ways that differ.
 *
 * Certificates are read for every connection, so renewed ones count at once. A server that is down
 * is asked again for about two seconds, then the call is FAIL_UPSTREAM.
 */
#ifndef KEYS_KMIP_H
#define KEYS_KMIP_H

#include "keys/keystore.h"

struct crl_watch;

struct kmip_config {
    const char *host, *port;
    const char *ca_file, *certificate, *key; /* PEM; the key's mode 0600 */
    const char *prefix;
    struct crl_watch *crl; /* by which servers are refused; NULL: none */
    const char *version;   /* "1.2" to "2.0"; "auto" asks the server at the first use */
};

/* "1.2" and so on; FAIL_INPUT. */
fallible kmip_version_parse(struct span text, unsigned *out);

/* A server that does not answer now is no failure here: health() tells. */
fallible kmip_open(const struct kmip_config *config, struct keystore **out);

#endif
