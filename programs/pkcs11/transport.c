// SPDX-License-Identifier: Apache-2.0
#include "transport.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LINKS_MAX 64
#define LINKS_QUICK 8     /* busy with what needs no network: more would gain nothing */
#define WAIT_MAX_MS 60000 /* that the agent may ask for, for a key that stays at the KBS */

struct link {
    int fd;           /* -1: not connected */
    bool busy, waits; /* waits: for the KBS, so that others need not wait for this one */
    unsigned serial;  /* credentials that the agent has of it */
    uint32_t id;
    struct agent_message out;
    uint8_t in[AGENT_MESSAGE_MAX];
};

static struct {
    struct transport_config config;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    struct link *links[LINKS_MAX]; /* made when first needed, kept */
} transport = { .mutex = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER };

static void link_close(struct link *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->serial = 0;
}

void transport_start(const struct transport_config *config)
{
    transport.config = *config;
}

void transport_stop(void)
{
    pthread_mutex_lock(&transport.mutex);
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (transport.links[i] && !transport.links[i]->busy)
            link_close(transport.links[i]);
    pthread_mutex_unlock(&transport.mutex);
}

void transport_lock_for_fork(void)
{
    pthread_mutex_lock(&transport.mutex);
}

void transport_unlock_after_fork(void)
{
    pthread_mutex_unlock(&transport.mutex);
}

void transport_forget(void)
{
    pthread_cond_init(&transport.freed, NULL); /* its waiters have not come along */
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (!transport.links[i])
            continue;
        link_close(transport.links[i]);
        transport.links[i]->busy = false;
    }
}

static struct link *link_new(void)
{
    struct link *l = malloc(sizeof(*l));

    if (l)
        *l = (struct link){ .fd = -1 };
    return l;
}

/* A free one, connected if possible; waits where all are busy. NULL: memory. */
static struct link *link_take(void)
{
    struct link *taken = NULL;

    pthread_mutex_lock(&transport.mutex);
    while (!taken) {
        size_t unused = LINKS_MAX, quick = 0;
        for (size_t i = 0; i < LINKS_MAX; i++) {
            struct link *l = transport.links[i];
            quick += l && l->busy && !l->waits;
            if (!l)
                unused = i < unused ? i : unused;
            else if (!l->busy && (!taken || (taken->fd < 0 && l->fd >= 0)))
                taken = l;
        }
        if (!taken && (unused == LINKS_MAX || quick >= LINKS_QUICK)) {
            pthread_cond_wait(&transport.freed, &transport.mutex);
            continue;
        }
        if (!taken)
            taken = transport.links[unused] = link_new();
        if (!taken)
            break;
        taken->busy = true;
    }
    pthread_mutex_unlock(&transport.mutex);
    return taken;
}

void transport_done(struct link *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&transport.mutex);
    l->busy = l->waits = false;
    pthread_cond_signal(&transport.freed);
    pthread_mutex_unlock(&transport.mutex);
}

/* Its place among the quick ones is free. */
static void link_waits(struct link *l)
{
    pthread_mutex_lock(&transport.mutex);
    l->waits = true;
    pthread_cond_signal(&transport.freed);
    pthread_mutex_unlock(&transport.mutex);
}

static bool set_timeout(int fd, int which, unsigned ms)
{
    struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    return setsockopt(fd, SOL_SOCKET, which, &t, sizeof(t)) == 0;
}

/* Whoever listens must be the agent's user, not someone who was quicker to make the socket. */
static bool agent_is_genuine(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
        return false;
    if (peer.uid == 0) /* also systemd's sockets */
        return true;
    return transport.config.agent_uid < 0 ? peer.uid == geteuid()
                                          : peer.uid == (uid_t)transport.config.agent_uid;
}

static int agent_connect(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    static_assert(sizeof(address.sun_path) == sizeof(transport.config.socket),
                  "paths have the socket's size");
    memcpy(address.sun_path, transport.config.socket, sizeof(address.sun_path));
    if (fd >= 0 && set_timeout(fd, SO_RCVTIMEO, TRANSPORT_QUICK_MS) &&
        set_timeout(fd, SO_SNDTIMEO, TRANSPORT_QUICK_MS) &&
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        agent_is_genuine(fd))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool transport_agent_is_there(void)
{
    int fd = agent_connect();

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* False: the connection is dead; *late tells silence from an end. */
static bool receive(struct link *l, const struct agent_request *q, struct agent_reply *p,
                    bool *late)
{
    ssize_t n;

    do
        n = recv(l->fd, l->in, sizeof(l->in), MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    *late = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    return n > 0 && (size_t)n <= sizeof(l->in) &&
           !failed(agent_reply_parse(span_from(l->in, (size_t)n), q->call, q->id, p));
}

/* The agent asks the KBS, and has said how long that may take. */
static bool receive_late(struct link *l, const struct agent_request *q, struct agent_reply *p,
                         bool *late)
{
    unsigned ms = p->wait_ms < WAIT_MAX_MS ? p->wait_ms : WAIT_MAX_MS;

    link_waits(l);
    return set_timeout(l->fd, SO_RCVTIMEO, ms + TRANSPORT_QUICK_MS) && receive(l, q, p, late) &&
           p->status != AGENT_WAITS && set_timeout(l->fd, SO_RCVTIMEO, TRANSPORT_QUICK_MS);
}

static bool exchange(struct link *l, struct agent_request *q, struct agent_reply *p, bool *late)
{
    *late = false;
    q->id = ++l->id;
    agent_request_write(&l->out, q);
    struct span out = agent_message_span(&l->out);
    if (!out.len || send(l->fd, out.at, out.len, MSG_NOSIGNAL) != (ssize_t)out.len ||
        !receive(l, q, p, late))
        return false;
    return p->status != AGENT_WAITS || receive_late(l, q, p, late);
}

static bool link_greet(struct link *l, struct agent_reply *p)
{
    struct agent_request hello = { .call = AGENT_HELLO, .version = AGENT_VERSION };
    bool late;

    return exchange(l, &hello, p, &late) && p->status == AGENT_OK && p->version == AGENT_VERSION;
}

/* Repeats our login on a connection that does not have it. The PIN was right once: if it no longer
 * is, the agent will say what is missing at the request itself. */
static bool link_identify(struct link *l, const struct credentials *who, struct agent_reply *p)
{
    struct agent_request login = { .call = AGENT_LOGIN, .pin = span_from(who->pin, who->len) };
    bool late;

    if (l->serial == who->serial)
        return true;
    if (!who->len)
        login.call = AGENT_LOGOUT;
    if (!exchange(l, &login, p, &late))
        return false;
    explicit_bzero(l->out.bytes, l->out.len);
    l->serial = who->serial;
    return true;
}

static bool link_ready(struct link *l, const struct credentials *who, struct agent_reply *p)
{
    if (l->fd < 0) {
        l->fd = agent_connect();
        if (l->fd < 0 || !link_greet(l, p))
            return false;
    }
    return link_identify(l, who, p);
}

static bool ask(struct link *l, const struct credentials *who, struct agent_request *q,
                struct agent_reply *p, bool *late)
{
    bool slow = q->call == AGENT_FIND;

    *late = false;
    if (!link_ready(l, who, p) ||
        (slow && !set_timeout(l->fd, SO_RCVTIMEO, transport.config.find_timeout_ms)))
        return false;
    bool good = exchange(l, q, p, late);
    return good && (!slow || set_timeout(l->fd, SO_RCVTIMEO, TRANSPORT_QUICK_MS));
}

fallible transport_call(const struct credentials *who, struct agent_request *request,
                        struct agent_reply *reply, struct link **held)
{
    struct link *l = link_take();
    bool late = false;

    if (!l)
        return FAIL(SYSTEM, "out of memory");
    for (int tries = 0; tries < 2 && !late; tries++) {
        bool fresh = l->fd < 0;
        if (ask(l, who, request, reply, &late)) {
            *held = l;
            return OK;
        }
        link_close(l);
        if (fresh)
            break; /* not an old connection of an agent that has been restarted since */
    }
    transport_done(l);
    return FAIL(UPSTREAM, "the agent does not answer");
}
