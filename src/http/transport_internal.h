// SPDX-License-Identifier: Apache-2.0
/* A non-blocking socket with or without TLS. */
#ifndef HTTP_TRANSPORT_INTERNAL_H
#define HTTP_TRANSPORT_INTERNAL_H

#include <openssl/types.h>

#include "base/buf.h"
#include "http/tls_live_internal.h"

enum transfer { TRANSFER_DONE, TRANSFER_WANTS_READ, TRANSFER_WANTS_WRITE, TRANSFER_CLOSED };

struct transport {
    int fd;
    SSL *ssl; /* NULL: plain */
    struct crl_watch *crl;
    unsigned edition; /* of the revocation lists by which the client was admitted */
};

/* Takes the descriptor in every case. */
fallible transport_open(int fd, struct tls_live *tls, struct transport *out);
void transport_close(struct transport *t);
enum transfer transport_handshake(struct transport *t);
/* The client's certificate has not been revoked since. */
bool transport_admitted(struct transport *t);
enum transfer transport_read(struct transport *t, void *to, size_t room, size_t *got);
enum transfer transport_write(struct transport *t, struct span bytes, size_t *sent);
/* Bytes of the peer may wait inside TLS, where the kernel does not show them. */
bool transport_holds_input(const struct transport *t);
/* Says that nothing more comes from us. */
void transport_end_output(struct transport *t);
/* Drops what the peer still sends. */
enum transfer transport_discard(struct transport *t, size_t *left); /* at most *left bytes */
/* The host that the client asked TLS for; empty: none. Lives as long as the transport. */
struct span transport_server_name(const struct transport *t);
void transport_peer_cert(const struct transport *t, struct buf *der);

#endif
