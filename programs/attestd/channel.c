// SPDX-License-Identifier: Apache-2.0
#include "attestd/channel.h"

#include <errno.h>
#include <sys/socket.h>

fallible channel_send(int channel, enum channel_type type, struct span body, int fd)
{
    uint8_t kind = (uint8_t)type;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec parts[] = { { .iov_base = &kind, .iov_len = 1 },
                             { .iov_base = (void *)body.at, .iov_len = body.len } };
    struct msghdr m = { .msg_iov = parts,
                        .msg_iovlen = body.len ? 2 : 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));

    if (body.len > CHANNEL_MESSAGE_MAX)
        return FAIL(LIMIT, "message between processes is too large");
    while (sendmsg(channel, &m, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return FAIL(UPSTREAM, "the other process does not take a message");
    return OK;
}

#define DESCRIPTORS_ROOM ((CMSG_SPACE(sizeof(int)) - CMSG_LEN(0)) / sizeof(int))

/* The one that came. Where there is room for more because of alignment, more are no packet of ours:
 * they are closed. */
static int take_descriptor(struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    int fds[DESCRIPTORS_ROOM];
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return -1;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    if (count == 1)
        return fds[0];
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    return -1;
}

static fallible receive_into(int channel, uint8_t *kind, uint8_t *room, size_t size, size_t *len,
                             int *fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec parts[] = { { .iov_base = kind, .iov_len = 1 },
                             { .iov_base = room, .iov_len = size } };
    struct msghdr m = { .msg_iov = parts,
                        .msg_iovlen = size ? 2 : 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes) };
    ssize_t n;
    while ((n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR)
            return FAIL(UPSTREAM, "channel between processes is broken");
    int taken owned(fd_close) = take_descriptor(&m);
    if (n == 0)
        return FAIL(UPSTREAM, "channel between processes is closed");
    if (taken < 0 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return FAIL(INPUT, "packet between processes is not of our form");
    *len = (size_t)n - 1;
    *fd = fd_take(&taken);
    return OK;
}

/* Room for any body; made once, and kept by a caller who comes again with the same buffer. */
static uint8_t *largest_room(struct buf *body)
{
    buf_clear(body);
    return body->room > CHANNEL_MESSAGE_MAX ? body->at : buf_extend(body, CHANNEL_MESSAGE_MAX);
}

fallible channel_receive(int channel, enum channel_type *type, struct buf *body, int *fd)
{
    uint8_t *at = body ? largest_room(body) : NULL;
    uint8_t kind = 0;
    size_t len = 0;
    int taken owned(fd_close) = -1;
    if (body)
        TRY(buf_check(body));
    TRY(receive_into(channel, &kind, at, at ? CHANNEL_MESSAGE_MAX : 0, &len, &taken));
    if (body) {
        body->len = len;
        body->at[len] = 0;
    }
    *type = (enum channel_type)kind;
    *fd = fd_take(&taken);
    return OK;
}
