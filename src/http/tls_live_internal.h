// SPDX-License-Identifier: Apache-2.0
/*
 * A server's TLS context that follows its files: certificate and key that were renewed count for
 * the next connection within a second, and those that are open keep theirs. Files that cannot be
 * used, or of which one is still the old one, change nothing; they are looked at again.
 */
#ifndef HTTP_TLS_LIVE_INTERNAL_H
#define HTTP_TLS_LIVE_INTERNAL_H

#include "base/owned.h"
#include "http/tls.h"

struct tls_live;

fallible tls_live_open(const struct tls_server_files *files, struct tls_live **out);
void tls_live_close(struct tls_live *t);
OWNED_TYPE(struct tls_live, tls_live_close)

/* The context in force, the caller's to free; from any thread. */
SSL_CTX *tls_live_take(struct tls_live *t);
struct crl_watch *tls_live_crl(const struct tls_live *t); /* NULL: none */
struct tls_state tls_live_state(struct tls_live *t);

#endif
