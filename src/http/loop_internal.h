// SPDX-License-Identifier: Apache-2.0
/*
 * An event thread: its listener, its connections, and the connections that pool threads hand back.
 * A connection belongs to its event thread but while its handler runs: then the pool thread has it
 * alone (its exchange, output and transport), so a vanished client is only noticed afterwards and
 * nothing can be freed under a handler.
 *
 * A connection that only waits for its next request is handed back quietly: the event thread takes
 * it back when it wakes for that request, or for anything else. Waking it for the sake of the
 * hand-back alone costs a thread switch and four system calls for each request. One that the event
 * thread has stopped to listen to is `deaf`: as long as there are such, every hand-back wakes.
 */
#ifndef HTTP_LOOP_INTERNAL_H
#define HTTP_LOOP_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/rate_limit.h"
#include "http/chunked_internal.h"
#include "http/exchange_internal.h"
#include "http/pool_internal.h"
#include "http/tls_live_internal.h"
#include "http/source_internal.h"

#define SCRATCH_SIZE 16384

struct http_connection;
TAILQ_HEAD(connection_list, http_connection);

struct loop_settings { /* the server's, the same for all loops */
    struct routing routing;
    void *context;
    struct rate_limit *sources; /* NULL: no limit */
    struct tls_live *tls;       /* NULL: plain */
    struct pool *pool;
    size_t body_max;
    unsigned deadline_ms, idle_ms;
    uint64_t id_prefix;
    _Atomic uint64_t id_next;
};

struct loop {
    struct loop_settings *settings;
    struct event_base *base;
    struct event accept_event, wake_event, pause_timer, stop_timer;
    int listener, wake_fd;
    pthread_t thread;
    bool started;
    struct connection_list all;     /* every connection */
    struct connection_list waiting; /* those that wait for their client, the longest first */
    size_t count, count_max;
    _Atomic(struct http_connection *) handed_back; /* a stack */
    atomic_uint deaf;                              /* connections that are */
    atomic_bool woken;                             /* and has not looked yet */
    atomic_bool stopping;
    uint8_t scratch[SCRATCH_SIZE];
};

/* Takes the listening descriptor. */
fallible loop_new(struct loop_settings *settings, int listener, size_t connections,
                  struct loop **out);
fallible loop_run(struct loop *l); /* in a thread of its own */
void loop_stop(struct loop *l);    /* drains; returns when the thread has ended */
void loop_free(struct loop *l);
OWNED_TYPE(struct loop, loop_free)

enum connection_state {
    CONNECTION_HANDSHAKE,
    CONNECTION_HEAD,
    CONNECTION_BODY,
    CONNECTION_HANDLING,
    CONNECTION_WRITING,
    CONNECTION_LINGERING
};

struct http_connection {
    struct loop *loop;
    struct transport transport;
    enum connection_state state; /* the event thread's */
    bool waiting, timed, deaf;
    struct event read_event, write_event, timer;
    TAILQ_ENTRY(http_connection) in_all, in_waiting;

    struct buf in;
    struct chunked chunked;
    size_t discard_left; /* while it lingers */
    char peer[INET6_ADDRSTRLEN];
    uint8_t source[SOURCE_SIZE]; /* what it counts as for the limit on a source */

    struct job job; /* what follows is the pool thread's while its handler runs */
    struct http_exchange *exchange;
    struct buf out;
    size_t sent;
    bool broken;         /* the client has gone */
    int64_t answered_us; /* when it was handed back quietly; 0: the event thread saw its end */
    struct http_connection *next_back;
};

/* Takes the descriptor. */
void connection_open(struct loop *l, int fd, const struct sockaddr_storage *from);
void connection_close(struct http_connection *c);
/* True: it lives and has nothing to read that came before now. */
bool connection_handed_back(struct http_connection *c);
bool connection_is_idle(const struct http_connection *c);
/* From a pool thread: the handler is done. `quiet`: all is sent, and nothing else is to be done
 * before the next request. */
void loop_hand_back(struct loop *l, struct http_connection *c, bool quiet);
enum taken_back { NOT_BACK, BACK_READY, BACK_DONE };
/* What became of `mine` (may be NULL): it was not among them; it waits for its next request; or it
 * was dealt with, and may be closed. */
enum taken_back loop_take_back(struct loop *l, const struct http_connection *mine);

#endif
