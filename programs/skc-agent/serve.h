// SPDX-License-Identifier: Apache-2.0
/*
 * The agent's socket: SOCK_SEQPACKET, each client let in by the kernel's word on its user and
 * group, a thread each, so that a signature is one receive and one send.
 */
#ifndef SKC_AGENT_SERVE_H
#define SKC_AGENT_SERVE_H

#include "config.h"
#include "keyring.h"

/* systemd's socket where it passes one, else ours is made. `*made` tells which, for unlinking at
 * the end. */
fallible serve_listen(const char *path, int *listener, bool *made);

struct server;
fallible server_new(int listener, const struct config *config, struct keyring *ring,
                    struct server **out);
void server_accept(struct server *s); /* one client, when the listener is readable */
/* Ends all connections and waits for their threads. */
void server_free(struct server *s);
OWNED_TYPE(struct server, server_free)

#endif
