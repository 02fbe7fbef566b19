// SPDX-License-Identifier: Apache-2.0
/*
 * A TLS connection to a server that speaks something else than HTTP: client certificate, the
 * server's chain and name verified against the given CA file only (lesson L9), TLS 1.2 with forward
 * secrecy or 1.3, no resumption (L13). Files are read for every connection, so renewed ones count
 * at once. Used by one thread at a time.
 *
 * The kind tells what helps. FAIL_UPSTREAM: nothing answers, or the connection broke: try again.
 * FAIL_ABSENT: no such name. FAIL_DENIED: one side does not accept the other. FAIL_LIMIT: too late.
 * FAIL_INPUT: a file of ours cannot be used.
 */
#ifndef HTTP_TLS_STREAM_H
#define HTTP_TLS_STREAM_H

#include "base/err.h"
#include "base/owned.h"
#include "base/span.h"

struct crl_watch;

struct tls_stream_config {
    const char *host, *port;
    const char *ca;                /* PEM */
    const char *certificate, *key; /* PEM; the key's mode 0600 */
    struct crl_watch *crl;         /* by which servers are refused; NULL: none */
};

struct tls_stream;

/* `until`: clock_monotonic_us() at which it is too late; the same in all calls. */
fallible tls_stream_open(const struct tls_stream_config *config, int64_t until,
                         struct tls_stream **out);
void tls_stream_close(struct tls_stream *s);
OWNED_TYPE(struct tls_stream, tls_stream_close)

/* All of it. OpenSSL keeps no copy of what is read or written. */
fallible tls_stream_send(struct tls_stream *s, struct span bytes, int64_t until);
fallible tls_stream_receive(struct tls_stream *s, uint8_t *to, size_t len, int64_t until);
/* The peer has neither closed the connection nor sent what nobody asked for. */
bool tls_stream_is_idle(struct tls_stream *s);

/* The files can be used. */
fallible tls_stream_check(const struct tls_stream_config *config);

#endif
