// SPDX-License-Identifier: Apache-2.0
/*
 * What a service says to the manager that started it, and takes from it: the protocols of
 * sd_notify(3) and sd_listen_fds(3), which are two environment variables and a datagram.
 */
#ifndef BASE_SERVICE_MANAGER_H
#define BASE_SERVICE_MANAGER_H

#include "base/err.h"

/* "READY=1", "STOPPING=1", lines of both kinds. Nothing where nobody listens ($NOTIFY_SOCKET), or
 * no longer does: a service does its work all the same. */
void service_manager_tell(const char *state);

/* The listening socket of `type` (SOCK_SEQPACKET) in the Unix domain that was passed, for whoever
 * asks first: $LISTEN_PID and $LISTEN_FDS are taken out of the environment, and the descriptor is
 * closed on exec. -1: none was. FAIL_INPUT: several, or one of another kind. */
fallible service_manager_socket(int type, int *fd);

#endif
