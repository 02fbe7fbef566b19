// SPDX-License-Identifier: Apache-2.0
/*
 * How a service that is being set up gets what it needs from others: from CMS, known by the SHA-384
 * of its certificate, the CA and, with a bearer token, a TLS certificate; public keys from AAS.
 * Each says what is wrong and returns an exit status.
 */
#ifndef CLI_SERVICE_TLS_H
#define CLI_SERVICE_TLS_H

#include "cli/dev.h"
#include "crypto/secret.h"
#include "http/client.h"

/* One request; what is not a 2xx is told with the service's own words. */
int service_ask(struct http_client *http, const struct http_call *call, const char *what,
                struct buf *answer);
/* DIR/`file`: the CA of the CMS at `cms_url` (".../cms/v1"), asked over a connection to the holder
 * of the one certificate that the operator vouches for. `key`: the setting that names its digest.
 */
int service_fetch_ca(const struct dev *d, const char *cms_url, const uint8_t *sha384,
                     const char *key, const char *file);
/* A client that believes the CA of DIR/etc/tls/ca.pem. */
int service_client(const struct dev *d, struct http_client **out);
/* A new key at DIR/etc/tls/PROGRAM.key and a request for these names (a list between commas). */
fallible service_make_request(const struct dev *d, const char *program, const char *common_name,
                              const char *names, struct buf *csr);

struct service_certificate {
    const char *program; /* DIR/etc/tls/PROGRAM.key and .pem */
    const char *cms_url, *common_name, *names;
    const struct secret *bearer;
};
int service_fetch_certificate(const struct dev *d, struct http_client *http,
                              const struct service_certificate *c);
/* A JWKS, pinned in DIR/`file`. */
int service_fetch_keys(const struct dev *d, struct http_client *http, const char *url,
                       const char *file, const char *what);

#endif
