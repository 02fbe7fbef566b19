// SPDX-License-Identifier: Apache-2.0
#include "base/ipc.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/owned.h"
#include "base/reader.h"

#define IPC_BACKLOG 128
#define HEAD_AFTER_LENGTH (IPC_HEAD_SIZE - 4)

void ipc_message_done(struct ipc_message *m)
{
    buf_done(&m->body);
}

struct deadline {
    bool forever;
    int64_t at_us;
};

static struct deadline deadline_in(int timeout_ms)
{
    struct deadline d = { .forever = timeout_ms < 0 };

    if (!d.forever)
        d.at_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    return d;
}

static fallible wait_for(int fd, short events, const struct deadline *d)
{
    struct pollfd p = { .fd = fd, .events = events };

    for (;;) {
        int64_t left_ms = d->forever ? -1 : (d->at_us - clock_monotonic_us() + 999) / 1000;
        if (!d->forever && left_ms <= 0)
            return FAIL(UPSTREAM, "timed out waiting for the other process");
        int n = poll(&p, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
        if (n > 0)
            return OK;
        if (n < 0 && errno != EINTR)
            return FAIL(SYSTEM, "poll failed");
    }
}

static bool again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void iov_advance(struct msghdr *msg, size_t sent)
{
    while (msg->msg_iovlen && sent >= msg->msg_iov->iov_len) {
        sent -= msg->msg_iov->iov_len;
        msg->msg_iov++;
        msg->msg_iovlen--;
    }
    if (msg->msg_iovlen) {
        msg->msg_iov->iov_base = (uint8_t *)msg->msg_iov->iov_base + sent;
        msg->msg_iov->iov_len -= sent;
    }
}

static void put_u32be(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (24 - 8 * i));
}

fallible ipc_send(int fd, uint16_t type, uint32_t id, struct span body, int timeout_ms)
{
    struct deadline deadline = deadline_in(timeout_ms);
    uint8_t head[IPC_HEAD_SIZE];
    struct iovec iov[] = { { head, sizeof(head) }, { (void *)body.at, body.len } };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = body.len ? 2 : 1 };

    if (body.len > IPC_BODY_MAX)
        return FAIL(LIMIT, "message to another process is too large");
    put_u32be(head, (uint32_t)(HEAD_AFTER_LENGTH + body.len));
    head[4] = (uint8_t)(type >> 8);
    head[5] = (uint8_t)type;
    put_u32be(head + 6, id);

    while (msg.msg_iovlen) {
        ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            iov_advance(&msg, (size_t)n);
            continue;
        }
        if (!again(errno))
            return FAIL(UPSTREAM, "the other process has closed the connection");
        TRY(wait_for(fd, POLLOUT, &deadline));
    }
    return OK;
}

static fallible receive_exactly(int fd, uint8_t *to, size_t len, const struct deadline *deadline)
{
    /* Without a deadline the socket itself waits: one system call instead of three. */
    int flags = deadline->forever ? 0 : MSG_DONTWAIT;

    while (len) {
        ssize_t n = recv(fd, to, len, flags);
        if (n > 0) {
            to += n;
            len -= (size_t)n;
            continue;
        }
        if (n == 0 || !again(errno))
            return FAIL(UPSTREAM, "the other process has closed the connection");
        TRY(wait_for(fd, POLLIN, deadline));
    }
    return OK;
}

fallible ipc_receive(int fd, struct ipc_message *m, int timeout_ms)
{
    struct deadline deadline = deadline_in(timeout_ms);
    uint8_t head[IPC_HEAD_SIZE];

    TRY(receive_exactly(fd, head, sizeof(head), &deadline));
    struct reader r = reader_of(SPAN_OF(head));
    uint32_t length = reader_u32be(&r);
    uint16_t type = reader_u16be(&r);
    uint32_t id = reader_u32be(&r);
    TRY(reader_end(&r, "head of a message between processes"));

    struct buf body owned(buf_done) = buf_of(m->body.max ? m->body.max : IPC_BODY_MAX);
    if (length < HEAD_AFTER_LENGTH || length - HEAD_AFTER_LENGTH > body.max)
        return FAIL(INPUT, "length of a message between processes");
    if (length > HEAD_AFTER_LENGTH) {
        uint8_t *to = buf_extend(&body, length - HEAD_AFTER_LENGTH);
        if (!to)
            return FAIL(SYSTEM, "out of memory for a message");
        TRY(receive_exactly(fd, to, length - HEAD_AFTER_LENGTH, &deadline));
    }
    buf_done(&m->body);
    m->type = type;
    m->id = id;
    m->body = body;
    body = buf_of(body.max); /* given away */
    return OK;
}

static fallible address_of(const char *path, struct sockaddr_un *out)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(a.sun_path))
        return FAIL(INPUT, "path of the socket is too long");
    strcpy(a.sun_path, path); /* fits: checked above */
    *out = a;
    return OK;
}

static fallible stream_socket(int *fd)
{
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (s < 0)
        return FAIL(SYSTEM, "no socket");
    *fd = s;
    return OK;
}

static int connect_to(int fd, const struct sockaddr_un *a)
{
    int rc;

    do
        rc = connect(fd, (const struct sockaddr *)a, sizeof(*a));
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* A socket file that nobody listens on is left over; anything else is somebody's. */
static fallible remove_stale(const struct sockaddr_un *a)
{
    int fd owned(fd_close) = -1;
    struct stat st;

    if (lstat(a->sun_path, &st) < 0)
        return OK;
    if (!S_ISSOCK(st.st_mode))
        return FAIL(CONFLICT, "the path of the socket is another file");
    TRY(stream_socket(&fd));
    if (connect_to(fd, a) == 0 || errno != ECONNREFUSED)
        return FAIL(CONFLICT, "another process listens on this socket");
    unlink(a->sun_path);
    return OK;
}

fallible ipc_listen(const char *path, mode_t mode, int *fd)
{
    int s owned(fd_close) = -1;
    struct sockaddr_un a;

    TRY(address_of(path, &a));
    TRY(remove_stale(&a));
    TRY(stream_socket(&s));
    if (bind(s, (const struct sockaddr *)&a, sizeof(a)) < 0)
        return FAIL(SYSTEM, "the socket cannot be made at its path");
    /* Nobody gets in between: connections are refused until listen(). */
    if (chmod(path, mode) < 0 || listen(s, IPC_BACKLOG) < 0)
        return FAIL(SYSTEM, "the socket cannot listen");
    *fd = fd_take(&s);
    return OK;
}

fallible ipc_accept(int listener, int *fd)
{
    int s;

    do
        s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (s < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (s < 0)
        return FAIL(SYSTEM, "the socket cannot accept");
    *fd = s;
    return OK;
}

fallible ipc_connect(const char *path, int *fd)
{
    int s owned(fd_close) = -1;
    struct sockaddr_un a;

    TRY(address_of(path, &a));
    TRY(stream_socket(&s));
    if (connect_to(s, &a) < 0)
        return FAIL(UPSTREAM, "nobody listens on the socket, or it is not ours to use");
    *fd = fd_take(&s);
    return OK;
}

fallible ipc_peer_of(int fd, struct ipc_peer *out)
{
    struct ucred c;
    socklen_t len = sizeof(c);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) < 0 || len != sizeof(c))
        return FAIL(SYSTEM, "no credentials of the other process");
    *out = (struct ipc_peer){ .uid = c.uid, .gid = c.gid, .pid = c.pid };
    return OK;
}

fallible ipc_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return FAIL(SYSTEM, "no socket pair");
    return OK;
}
