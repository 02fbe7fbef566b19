// SPDX-License-Identifier: Apache-2.0
/*
 * What a serving program says of its certificate and of the revocation lists before they run out:
 * alarms in the log, when a condition begins, and once an hour as long as it lasts.
 */
#ifndef DAEMON_SERVER_WATCH_H
#define DAEMON_SERVER_WATCH_H

#include "http/crl_watch.h"
#include "http/server.h"

struct server_watch {
    const char *said[3];
    int64_t said_at[3];
};
/* Either may be NULL. Reads files that are new. */
void server_watch_look(struct server_watch *w, const struct http_server *server,
                       struct crl_watch *crl);

/* Says that the server serves and waits for the signal to stop, looking at its files every few
 * seconds. */
void daemon_serve(const char *program, const char *address, const struct http_server *server,
                  struct crl_watch *crl);

#endif
