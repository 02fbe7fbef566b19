// SPDX-License-Identifier: Apache-2.0
/*
 * A lean HTTPS client to make load with: a thread of its own each, blocking sockets, TLS 1.3
 * without resumption. What it costs the machine is what a client must spend, so that the rest of
 * the measurement is the server's.
 */
#ifndef BENCH_TLS_CLIENT_H
#define BENCH_TLS_CLIENT_H

#include "base/buf.h"

/* A server on loopback whose certificate is for localhost. Shared by threads. */
struct tls_place;
fallible tls_place_open(const char *ca_file, uint16_t port, struct tls_place **out);
void tls_place_close(struct tls_place *p);
OWNED_TYPE(struct tls_place, tls_place_close)

struct tls_client;
fallible tls_client_new(const struct tls_place *place, struct tls_client **out);
void tls_client_free(struct tls_client *c);
OWNED_TYPE(struct tls_client, tls_client_free)

/* `header`: a further line with its line end, or empty. The reply's body replaces what `reply`
 * held. */
fallible tls_client_post(struct tls_client *c, const char *path, struct span header,
                         struct span body, int *status, struct buf *reply);

/* Closes the connection in order; the next request makes another. */
void tls_client_hang_up(struct tls_client *c);

/* Connects where it has to and sends these bytes as they are: a slow client. */
fallible tls_client_trickle(struct tls_client *c, struct span bytes);
/* Forgets the connection and leaves it open: the server has it, this side only its descriptor. */
int tls_client_leave(struct tls_client *c);

#endif
