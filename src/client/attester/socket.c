// SPDX-License-Identifier: Apache-2.0
/* Evidence socket: a Unix stream socket, one request a connection, a JSON line each way. */
#include <poll.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "client/attester/attester_internal.h"

#define ANSWER_MAX (2 * ATTESTER_EVIDENCE_MAX)
#define SOCKET_TIMEOUT_MS 30000

static fallible send_line(int fd, struct span line)
{
    while (line.len) {
        ssize_t n = send(fd, line.at, line.len, MSG_NOSIGNAL);
        if (n <= 0)
            return FAIL(UPSTREAM, "evidence socket closed the connection");
        line = span_tail(line, (size_t)n);
    }
    return OK;
}

/* Up to and without the newline. */
static fallible receive_line(int fd, struct buf *line)
{
    int64_t deadline = clock_monotonic_us() + SOCKET_TIMEOUT_MS * 1000L;
    uint8_t chunk[4096];

    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = (deadline - clock_monotonic_us()) / 1000;
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return FAIL(UPSTREAM, "evidence socket does not answer");
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n <= 0)
            return FAIL(UPSTREAM, "evidence socket closed the connection without an answer");
        struct span got = span_from(chunk, (size_t)n);
        size_t end = span_find(got, SPAN("\n"));
        buf_add(line, span_head(got, end));
        TRY(buf_check(line));
        if (end < got.len)
            return OK;
    }
}

fallible evidence_answer_parse(struct span text, enum evidence_type *type, struct buf *quote)
{
    static const char *const members[] = { "type", "evidence", "error", NULL };
    json_t *answer owned(json_free) = NULL;
    struct span name, evidence;

    TRY(json_parse_object(text, &answer));
    TRY(json_only(answer, members));
    if (json_object_get(answer, "error"))
        return FAIL(UPSTREAM, "evidence socket refused to give evidence");
    TRY(json_get_str(answer, "type", "type of the evidence", &name));
    TRY(json_get_str(answer, "evidence", "evidence", &evidence));
    TRY(evidence_type_parse(name, type));
    return base64url_parse(evidence, quote);
}

fallible evidence_socket_quote(const char *path, struct span report_data, enum evidence_type *type,
                               struct buf *quote)
{
    struct buf line owned(buf_done) = buf_of(ANSWER_MAX);
    json_t *request owned(json_free) = json_object();
    int fd owned(fd_close) = -1;

    json_set_hex(request, "report_data", report_data);
    char *text owned(free) = json_text(request);
    if (!text)
        return FAIL(SYSTEM, "out of memory");
    struct buf asked owned(buf_done) = buf_of(1024);
    buf_addf(&asked, "%s\n", text);
    TRY(buf_check(&asked));
    if (failed(ipc_connect(path, &fd)))
        return FAIL(UPSTREAM, "evidence socket is not there");
    TRY(send_line(fd, buf_span(&asked)));
    TRY(receive_line(fd, &line));
    return evidence_answer_parse(buf_span(&line), type, quote);
}
