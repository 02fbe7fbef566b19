// SPDX-License-Identifier: Apache-2.0
/* A Unix stream socket that answers one line with one line, a thread a connection, bounded. */
#ifndef TEESIM_LINES_H
#define TEESIM_LINES_H

#include "base/buf.h"

#define LINE_MAX_BYTES (64U << 10)

struct line_server;

/* Appends the answer, without the newline. */
typedef void line_handler(struct span line, struct buf *answer, void *context);

fallible line_server_start(const char *path, line_handler *handler, void *context,
                           struct line_server **out);
/* Ends open connections, removes the socket. NULL is fine. */
void line_server_stop(struct line_server *s);
OWNED_TYPE(struct line_server, line_server_stop)

#endif
