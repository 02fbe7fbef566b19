// SPDX-License-Identifier: Apache-2.0
/*
 * A file with revocation lists, by which peers are refused: clients by a server, servers by a
 * client. It is looked at again at most once a second, when somebody asks, so a new edition counts
 * within a second of its writing; one that cannot be read changes nothing. The leaf must be covered
 * by a list of its issuer, a CA above it where there is one. Fails closed: with no list, or past
 * its next update and the grace, no peer is admitted.
 *
 * Used by many threads, servers and clients at once; outlives them.
 */
#ifndef HTTP_CRL_WATCH_H
#define HTTP_CRL_WATCH_H

#include <openssl/types.h>

#include "base/err.h"
#include "base/owned.h"

struct crl_watch;

struct crl_watch_config {
    const char *file;
    int64_t grace_seconds;
};
/* A file that is not there yet is no failure: nobody is admitted until it is. No name: NULL. */
fallible crl_watch_open(const struct crl_watch_config *config, struct crl_watch **out);
void crl_watch_close(struct crl_watch *w);
OWNED_TYPE(struct crl_watch, crl_watch_close)

/* Changes with each edition, and when one becomes too old: whoever was admitted before is to be
 * judged again. */
unsigned crl_watch_edition(struct crl_watch *w);
/* Every peer that this context verifies must be admitted too. NULL: no list is asked. */
void crl_watch_guard(struct crl_watch *w, SSL_CTX *ctx);
/* The peer of a connection that was verified before; true where it showed no certificate. */
bool crl_watch_admits(struct crl_watch *w, SSL *ssl);

struct crl_watch_state {
    bool readable, stale;
    int64_t this_update, next_update; /* of the edition in force; 0: there is none */
};
struct crl_watch_state crl_watch_look(struct crl_watch *w);

#endif
