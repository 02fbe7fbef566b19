// SPDX-License-Identifier: Apache-2.0
/* A raw client for the server's tests: sends any bytes, reads what comes until the end or a timeout. */
#ifndef TESTS_UNIT_HTTP_WIRE_H
#define TESTS_UNIT_HTTP_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"

static inline int wire_connect(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        abort();
    return fd;
}

static inline void wire_send(int fd, struct span bytes)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has closed: what it said tells why */
        bytes = span_tail(bytes, (size_t)n);
    }
}

/* Until `mark` was seen, the end of the connection (true), or the timeout. */
static inline bool wire_read(int fd, struct buf *out, struct span mark, int timeout_ms)
{
    int64_t end = clock_monotonic_us() + (int64_t)timeout_ms * 1000;

    for (;;) {
        if (mark.len && span_find(buf_span(out), mark) < out->len)
            return false;
        int64_t left = (end - clock_monotonic_us()) / 1000;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return false;
        char piece[4096];
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n <= 0)
            return true;
        buf_add(out, span_from(piece, (size_t)n));
    }
}

/* One connection: sends, reads to the end. The server must end it by itself. */
static inline bool wire_talk(uint16_t port, struct span request, struct buf *answer)
{
    int fd = wire_connect(port);

    wire_send(fd, request);
    bool ended = wire_read(fd, answer, (struct span){ 0 }, 5000);
    close(fd);
    return ended;
}

static inline int wire_status(const struct buf *answer)
{
    struct span s = buf_span(answer);

    return span_starts(s, SPAN("HTTP/1.1 ")) ? atoi(buf_str(answer) + 9) : 0;
}

static inline bool wire_has(const struct buf *answer, const char *text)
{
    return span_find(buf_span(answer), span_str(text)) < answer->len;
}

#endif
