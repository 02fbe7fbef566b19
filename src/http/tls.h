// SPDX-License-Identifier: Apache-2.0
/*
 * TLS settings of servers and clients: TLS 1.3 only (a client toward foreign systems may
 * allow 1.2), no session tickets and no resumption (lesson L13), the peer's chain and name always
 * verified.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <openssl/types.h>

#include "base/err.h"

struct crl_watch;

struct tls_server_files {
    const char *certificate; /* PEM chain, leaf first */
    const char *key;         /* PEM, mode 0600 */
    const char *client_ca;   /* PEM; NULL: no client certificates. When set they are asked for,
                                verified when sent */
    bool require_client;     /* a client without certificate is cut */
    struct crl_watch *crl;   /* by which clients are refused; NULL: none */
};

/* What an operator should know of a server's files. */
struct tls_state {
    int64_t not_before, not_after; /* of the certificate in force */
    const char *trouble;           /* why newer files are not in force, a literal; NULL: they are */
};
fallible tls_server_context(const struct tls_server_files *files, SSL_CTX **out);

#endif
