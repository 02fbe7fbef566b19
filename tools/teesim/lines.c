// SPDX-License-Identifier: Apache-2.0
#include "teesim/lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/ipc.h"

#define CONNECTIONS_MAX 64
#define LINE_DEADLINE_MS 5000

struct line_server {
    line_handler *handler;
    void *context;
    char *path;
    int listener, stop;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned open;
};

struct connection {
    struct line_server *server;
    int fd;
};

/* False when the server stops or nothing comes. */
static bool wait_for(const struct line_server *s, int fd, int timeout_ms)
{
    struct pollfd both[] = { { .fd = fd, .events = POLLIN }, { .fd = s->stop, .events = POLLIN } };
    int ready;

    do
        ready = poll(both, 2, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && !both[1].revents;
}

static bool read_line(const struct connection *c, struct buf *line)
{
    uint8_t chunk[4096];

    for (;;) {
        size_t end = span_find(buf_span(line), SPAN("\n"));
        if (end < line->len) {
            line->len = end;
            return true;
        }
        if (!wait_for(c->server, c->fd, LINE_DEADLINE_MS))
            return false;
        ssize_t got = recv(c->fd, chunk, sizeof chunk, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && line->len > 0; /* a last line without its newline */
        buf_add(line, span_from(chunk, (size_t)got));
        if (line->failed)
            return false;
    }
}

static void send_all(int fd, struct span bytes)
{
    while (bytes.len) {
        ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return;
        bytes = span_tail(bytes, (size_t)sent);
    }
}

static void *serve(void *at)
{
    struct connection *c = at;
    struct line_server *s = c->server;
    struct buf line owned(buf_done) = buf_of(LINE_MAX_BYTES),
                    answer owned(buf_done) = buf_of(4 * LINE_MAX_BYTES);

    if (read_line(c, &line)) {
        s->handler(buf_span(&line), &answer, s->context);
        buf_add_u8(&answer, '\n');
        send_all(c->fd, buf_span(&answer));
    }
    close(c->fd);
    free(c);
    pthread_mutex_lock(&s->lock);
    s->open--;
    pthread_cond_signal(&s->idle);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static bool admit(struct line_server *s)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->open < CONNECTIONS_MAX;
    if (room)
        s->open++;
    pthread_mutex_unlock(&s->lock);
    return room;
}

static void start_connection(struct line_server *s, int fd)
{
    struct connection *c = malloc(sizeof *c);
    pthread_t thread;

    if (!c || !admit(s)) {
        free(c);
        close(fd);
        return;
    }
    *c = (struct connection){ s, fd };
    if (pthread_create(&thread, NULL, serve, c) == 0) {
        pthread_detach(thread);
        return;
    }
    free(c);
    close(fd);
    pthread_mutex_lock(&s->lock);
    s->open--;
    pthread_mutex_unlock(&s->lock);
}

static void *accept_all(void *at)
{
    struct line_server *s = at;

    while (wait_for(s, s->listener, -1)) {
        int fd = -1;
        if (!failed(ipc_accept(s->listener, &fd)))
            start_connection(s, fd);
    }
    return NULL;
}

fallible line_server_start(const char *path, line_handler *handler, void *context,
                           struct line_server **out)
{
    struct line_server *s = calloc(1, sizeof *s);

    if (!s)
        return FAIL(SYSTEM, "memory exhausted");
    *s = (struct line_server){ .handler = handler, .context = context, .listener = -1 };
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    s->path = strdup(path);
    s->stop = eventfd(0, EFD_CLOEXEC);
    struct err e = s->path && s->stop >= 0 ? ipc_listen(path, 0666, &s->listener)
                                           : FAIL(SYSTEM, "memory exhausted");
    if (!failed(e) && pthread_create(&s->acceptor, NULL, accept_all, s) != 0)
        e = FAIL(SYSTEM, "cannot start a thread");
    if (failed(e)) {
        fd_closep(&s->listener);
        fd_closep(&s->stop);
        free(s->path);
        free(s);
        return e;
    }
    *out = s;
    return OK;
}

void line_server_stop(struct line_server *s)
{
    if (!s)
        return;
    eventfd_write(s->stop, 1);
    pthread_join(s->acceptor, NULL);
    pthread_mutex_lock(&s->lock);
    while (s->open)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
    close(s->listener);
    close(s->stop);
    unlink(s->path);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}
