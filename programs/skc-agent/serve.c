// SPDX-License-Identifier: Apache-2.0
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/ipc.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "requests.h"

#define BACKLOG 128
#define STACK_SIZE (256U << 10) /* locked memory, so not the default 8 MiB */
#define NO_ROOM_PAUSE_US 50000
#define SEND_TIMEOUT_SECONDS 5 /* a client that does not take its answer */

struct connection {
    struct server *server;
    struct connection *next, **link;
    int fd;
    struct conversation talk;
    uint8_t in[AGENT_MESSAGE_MAX];
};

struct server {
    int listener;
    const struct config *config;
    struct keyring *ring;
    pthread_attr_t attributes;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t ended;
    struct connection *connections;
    size_t count;
};

/* A socket file that nobody listens to is a dead agent's; one that somebody does is not ours to
 * take. */
static fallible clear_old(const struct sockaddr_un *address)
{
    int fd owned(fd_close) = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return FAIL(SYSTEM, "no socket");
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return FAIL(CONFLICT, "another agent listens on this socket");
    if (errno == ECONNREFUSED && unlink(address->sun_path))
        return FAIL(SYSTEM, "cannot remove the socket file of a dead agent");
    return OK;
}

/* Whoever may write to the socket's folder could put a socket of their own there. */
static fallible check_folder(const char *path)
{
    char *copy owned(free) = strdup(path);
    struct stat st;

    if (!copy)
        return FAIL(SYSTEM, "out of memory");
    if (stat(dirname(copy), &st))
        return FAIL(SYSTEM, "the folder of the agent's socket is not there");
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
        return FAIL(
            INPUT,
            "the folder of the agent's socket must be root's or ours, and writable by nobody else");
    return OK;
}

static fallible listen_at(const char *path, int *listener)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd owned(fd_close) = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        return FAIL(INPUT, "path of the agent's socket is too long");
    memcpy(address.sun_path, path, strlen(path));
    TRY(check_folder(path));
    TRY(clear_old(&address));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)))
        return FAIL(SYSTEM, "cannot make the agent's socket: is its folder there and ours?");
    /* Anyone may knock; the kernel's word on who it is decides (server_accept). */
    if (chmod(path, 0666) || listen(fd, BACKLOG))
        return FAIL(SYSTEM, "cannot listen on the agent's socket");
    *listener = fd_take(&fd);
    return OK;
}

fallible serve_listen(const char *path, int *listener, bool *made)
{
    *made = false;
    TRY(service_manager_socket(SOCK_SEQPACKET, listener));
    if (*listener >= 0)
        return OK;
    TRY(listen_at(path, listener));
    *made = true;
    return OK;
}

/* A client that has gone before it was let in must not keep the main thread waiting for the next
 * one. */
static bool set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

fallible server_new(int listener, const struct config *config, struct keyring *ring,
                    struct server **out)
{
    struct server *s = calloc(1, sizeof(*s));

    if (!s)
        return FAIL(SYSTEM, "out of memory");
    s->listener = listener;
    s->config = config;
    s->ring = ring;
    if (!set_nonblocking(listener) || pthread_attr_init(&s->attributes) ||
        pthread_attr_setstacksize(&s->attributes, STACK_SIZE) ||
        pthread_attr_setdetachstate(&s->attributes, PTHREAD_CREATE_DETACHED) ||
        pthread_mutex_init(&s->mutex, NULL) || pthread_cond_init(&s->ended, NULL)) {
        free(s);
        return FAIL(SYSTEM, "cannot prepare threads");
    }
    *out = s;
    return OK;
}

static void converse(struct connection *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, c->in, sizeof(c->in), MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || (size_t)n > sizeof(c->in))
            return;
        bool go_on = conversation_answer(&c->talk, span_from(c->in, (size_t)n));
        if (c->talk.request.call == AGENT_LOGIN || c->talk.request.call == AGENT_DECRYPT)
            wipe(c->in, (size_t)n);
        bool sent = go_on && conversation_send(&c->talk);
        if (c->talk.request.call == AGENT_DECRYPT)
            wipe(c->talk.out.bytes, c->talk.out.len);
        if (!sent)
            return;
    }
}

static void connection_end(struct connection *c)
{
    struct server *s = c->server;

    keyring_leave(c->talk.client);
    pthread_mutex_lock(&s->mutex);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    s->count--;
    close(c->fd);
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->mutex);
    wipe(c, sizeof(*c));
    free(c);
}

static void *connection_run(void *arg)
{
    converse(arg);
    connection_end(arg);
    return NULL;
}

static bool welcome(const struct server *s, int fd)
{
    struct ipc_peer peer;
    char uid[16];

    struct err e = ipc_peer_of(fd, &peer);
    if (!failed(e) &&
        (peer.uid == 0 || peer.uid == geteuid() || allowed_has(&s->config->uids, peer.uid) ||
         allowed_has(&s->config->gids, peer.gid)))
        return true;
    snprintf(uid, sizeof(uid), "%u", (unsigned)peer.uid);
    log_warn("client turned away: its user is not in allow_users", "uid",
             failed(e) ? "unknown" : uid);
    return false;
}

/* False: the caller closes the descriptor. */
static bool connection_start(struct server *s, int fd)
{
    struct connection *c = calloc(1, sizeof(*c));
    struct timeval timeout = { .tv_sec = SEND_TIMEOUT_SECONDS };
    pthread_t thread;

    if (!c || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
        !(c->talk.client = keyring_join(s->ring))) {
        free(c);
        return false;
    }
    c->server = s;
    c->fd = fd;
    c->talk.fd = fd;
    c->talk.find_timeout_ms = (unsigned)s->config->find_timeout * 1000;
    pthread_mutex_lock(&s->mutex);
    c->next = s->connections;
    if (c->next)
        c->next->link = &c->next;
    c->link = &s->connections;
    s->connections = c;
    s->count++;
    pthread_mutex_unlock(&s->mutex);
    if (pthread_create(&thread, &s->attributes, connection_run, c))
        connection_end(c); /* closes it */
    return true;
}

void server_accept(struct server *s)
{
    int fd owned(fd_close) = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        usleep(NO_ROOM_PAUSE_US); /* the client still waits, so the listener stays readable */
    if (fd < 0 || !welcome(s, fd))
        return;
    pthread_mutex_lock(&s->mutex);
    bool room = s->count < s->config->max_clients;
    pthread_mutex_unlock(&s->mutex);
    if (!room) {
        log_warn("client turned away: max_clients are connected");
        return;
    }
    if (connection_start(s, fd))
        fd = -1;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    for (struct connection *c = s->connections; c; c = c->next)
        shutdown(c->fd, SHUT_RDWR);
    while (s->count)
        pthread_cond_wait(&s->ended, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
    pthread_attr_destroy(&s->attributes);
    free(s);
}
