// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "http/problem.h"
#include "unit.h"
#include "wire.h"

#define CLOSE "Connection: close\r\n"

static sem_t entered, may_go;
static atomic_int handled;

static void echo(struct http_exchange *x, void *context)
{
    (void)context;
    atomic_fetch_add(&handled, 1);
    http_answer(x, 200, "text/plain", http_body(x));
}

static void show(struct http_exchange *x, void *context)
{
    struct buf text owned(buf_done) = buf_of(1024);

    (void)context;
    buf_add_str(&text, "id=");
    buf_add(&text, http_param(x, "id"));
    buf_add_str(&text, " q=");
    buf_add(&text, http_query(x, "q"));
    buf_addf(&text, " has=%d%d", http_has_query(x, "q"), http_has_query(x, "none"));
    buf_addf(&text, " method=%s peer=%s bearer=", http_method(x), http_peer(x));
    buf_add(&text, http_bearer(x));
    buf_add_str(&text, " path=");
    buf_add(&text, http_path(x));
    http_answer_header(x, "X-Extra", "yes");
    http_answer(x, 200, "text/plain", buf_span(&text));
}

static void slow(struct http_exchange *x, void *context)
{
    (void)context;
    sem_post(&entered);
    sem_wait(&may_go);
    http_answer(x, 200, "text/plain", SPAN("slow"));
}

static void large(struct http_exchange *x, void *context)
{
    struct buf text owned(buf_done) = buf_of(8U << 20);

    (void)context;
    buf_extend(&text, 8U << 20);
    http_answer(x, 200, "application/octet-stream", buf_span(&text));
}

static void silent(struct http_exchange *x, void *context)
{
    (void)x;
    (void)context;
}

static void split(struct http_exchange *x, void *context)
{
    (void)context;
    http_answer_header(x, "X-Thing", "a\r\nSet-Cookie: b");
    http_answer_empty(x, 200);
}

static void json(struct http_exchange *x, void *context)
{
    owned(json_free) json_t *body = NULL;

    (void)context;
    if (http_json_body(x, &body))
        http_answer_json(x, 200, json_incref(body));
}

static void failure(struct http_exchange *x, void *context)
{
    (void)context;
    http_answer_failure(x, FAIL(UPSTREAM, "the key manager is down"), "keys_unavailable");
}

static void empty(struct http_exchange *x, void *context)
{
    (void)context;
    http_answer_empty(x, 204);
}

static const struct http_route routes[] = {
    { "POST", "/echo", ROUTE_OPEN, echo },      { "GET", "/show/{id}", ROUTE_OPEN, show },
    { "GET", "/slow", ROUTE_OPEN, slow },       { "GET", "/large", ROUTE_OPEN, large },
    { "GET", "/silent", ROUTE_OPEN, silent },   { "GET", "/split", ROUTE_OPEN, split },
    { "POST", "/json", ROUTE_OPEN, json },      { "GET", "/failure", ROUTE_OPEN, failure },
    { "GET", "/empty", ROUTE_OPEN, empty },     { "POST", "/token", ROUTE_BEARER, echo, .needs = "X:y:z" },
    { "DELETE", "/token", ROUTE_BEARER, echo, .needs = "X:y:z" }, { 0 },
};

static struct http_server *server;
static struct http_server_config config;

static int setup(void **state)
{
    (void)state;
    config = (struct http_server_config){
        .address = "127.0.0.1", .plain = true, .routes = routes, .body_max = 64U << 10, .deadline_ms = 400,
        .idle_ms = 60000, .workers = 2, .queue = 1,
    };
    sem_init(&entered, 0, 0);
    sem_init(&may_go, 0, 0);
    atomic_store(&handled, 0);
    server = NULL;
    return 0;
}

static void start(void)
{
    assert_ok(http_server_start(&config, &server));
}

static int teardown(void **state)
{
    (void)state;
    http_server_stop(server);
    server = NULL;
    return 0;
}

/* The answer to one request that closes. */
static struct buf ask(const char *request)
{
    struct buf answer = buf_of(16U << 20);

    assert_true(wire_talk(http_server_port(server), span_str(request), &answer));
    return answer;
}

static void test_head_sends_no_body(void **state)
{
    (void)state;
    start();
    struct buf a owned(buf_done) = ask("HEAD /show/1 HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    assert_int_equal(wire_status(&a), 200);
    assert_true(wire_has(&a, "Content-Length: ") && !wire_has(&a, "Content-Length: 0"));
    assert_int_equal(span_find(buf_span(&a), SPAN("\r\n\r\n")) + 4, a.len);
}

static bool plain_words(struct http_exchange *x, int status)
{
    http_answer(x, status, "text/html", status == 413 ? SPAN("too much") : SPAN("not here"));
    return true;
}

static void test_errors_of_another_interface(void **state)
{
    (void)state;
    static const struct {
        const char *request, *text;
        int status;
    } rows[] = {
        { "GET /absent HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", "not here", 404 },
        { "PUT /token HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", "not here", 404 },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", "too much", 413 },
        { "nonsense\r\n\r\n", "malformed_request", 400 },
    };
    config.foreign_error = plain_words;
    start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf a owned(buf_done) = ask(rows[i].request);
        assert_int_equal(wire_status(&a), rows[i].status);
        assert_true(wire_has(&a, rows[i].text));
    }
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
        const char *has[3];
    } rows[] = {
        { "GET /show/a%20b?q=x%26y HTTP/1.1\r\nHost: x\r\nAuthorization: bearer tok.en-1\r\n" CLOSE "\r\n", 200,
          { "id=a b q=x&y has=10 method=GET peer=127.0.0.1 bearer=tok.en-1 path=/show/a%20b", "X-Extra: yes\r\n",
            "\r\nX-Request-Id: " } },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", 200,
          { "\r\n\r\nhello", "Content-Type: text/plain\r\n", "Content-Length: 5\r\n" } },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
          200, { "\r\n\r\nabc" } },
        { "GET /empty HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 204, { "Cache-Control: no-store" } },
        { "GET /absent HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 404,
          { "application/problem+json", "\"code\":\"not_found\"", "\"instance\":\"" } },
        { "GET /show/%2e%2e HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 404, { "not_found" } },
        { "PUT /token HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 405, { "Allow: POST, DELETE\r\n" } },
        { "HEAD /echo HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 405, { "Allow: POST\r\n" } },
        { "POST /token HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 401,
          { "WWW-Authenticate: Bearer\r\n", "\"code\":\"token_missing\"" } },
        { "POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n" CLOSE "\r\n", 401, { "token_missing" } },
        { "POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\n" CLOSE "\r\n", 401, { "token_missing" } },
        { "POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a b\r\n" CLOSE "\r\n", 401, { "token_missing" } },
        { "POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b\r\n" CLOSE "\r\n", 200, { NULL } },
        { "GET /show/1?q=%zz HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 400, { "malformed_request" } },
        { "GET /silent HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 500, { "internal_error" } },
        { "GET /split HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 500, { NULL } },
        { "GET /failure HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", 503, { "Retry-After: 1\r\n", "keys_unavailable" } },
        { "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n" CLOSE "\r\n{\"a\":1}", 200,
          { "application/json\r\n", "{\"a\":1}" } },
        { "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n" CLOSE "\r\n{\"a\":1,\"a\":2}", 400,
          { "malformed_request" } },
        { "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n" CLOSE "\r\n[]", 400, { "malformed_request" } },
        { "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 2\r\n" CLOSE "\r\n{}", 415,
          { "unsupported_media_type" } },
        { "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n" CLOSE
          "\r\n{}", 200, { NULL } },
        /* the server ends these connections by itself */
        { "nonsense\r\n\r\n", 400, { "malformed_request", "Connection: close" } },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", 413, { "body_too_large" } },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, { NULL } },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n", 413, { "body_too_large" } },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, { "malformed_request" } },
        { "GET /empty HTTP/1.0\r\n\r\n", 204, { "Connection: close" } },
    };

    config.deadline_ms = 5000;
    start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf a owned(buf_done) = ask(rows[i].request);
        if (wire_status(&a) != rows[i].status)
            fail_msg("%s: %s", rows[i].request, buf_str(&a));
        for (size_t k = 0; k < 3 && rows[i].has[k]; k++)
            if (!wire_has(&a, rows[i].has[k]))
                fail_msg("%s: no %s in %s", rows[i].request, rows[i].has[k], buf_str(&a));
        assert_false(wire_has(&a, "Set-Cookie"));
    }
}

static void test_large_heads(void **state)
{
    (void)state;
    struct buf request owned(buf_done) = buf_of(64U << 10);

    start();
    buf_add_str(&request, "GET /show/1 HTTP/1.1\r\nHost: x\r\nA: ");
    while (request.len < 40000)
        buf_add_u8(&request, 'a');
    struct buf a owned(buf_done) = ask(buf_str(&request)); /* without its end */
    assert_int_equal(wire_status(&a), 431);
    buf_add_str(&request, "\r\n\r\n");
    struct buf b owned(buf_done) = ask(buf_str(&request));
    assert_int_equal(wire_status(&b), 431);
}

/* Refused by its length before it is read; the client that sends it all the same gets the answer. */
static void test_oversized_body(void **state)
{
    (void)state;
    struct buf request owned(buf_done) = buf_of(8U << 20), a owned(buf_done) = buf_of(1U << 20);

    start();
    buf_add_str(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 120000\r\n\r\n");
    buf_extend(&request, 120000);
    wire_talk(http_server_port(server), buf_span(&request), &a);
    assert_int_equal(wire_status(&a), 413);
    assert_true(wire_has(&a, "body_too_large"));
    assert_int_equal(atomic_load(&handled), 0);
}

/* Who sends on and on after the refusal is cut off, however fast it sends: what the kernel holds and another body of the
 * greatest size is all that it gets rid of. */
static void test_endless_body_is_cut(void **state)
{
    (void)state;
    static const char *const heads[] = { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n",
                                         "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3b9aca00\r\n" };
    static char piece[64 << 10];

    config.deadline_ms = 60000;
    start();
    for (size_t i = 0; i < 2; i++) {
        int fd = wire_connect(http_server_port(server)), small = 64 << 10;
        size_t sent = 0;
        ssize_t n = 0;
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        wire_send(fd, span_str(heads[i]));
        while (sent < (64U << 20) && (n = send(fd, piece, sizeof piece, MSG_NOSIGNAL)) > 0)
            sent += (size_t)n;
        assert_true(n < 0);
        assert_in_range(sent, 0, 16U << 20);
        close(fd);
    }
    assert_int_equal(atomic_load(&handled), 0);
}

static void test_largest_body_allowed(void **state)
{
    (void)state;
    struct buf request owned(buf_done) = buf_of(1U << 20);

    config.deadline_ms = 5000;
    start();
    buf_add_str(&request, "POST /echo HTTP/1.1\r\nHost: x\r\n" CLOSE "Content-Length: 65536\r\n\r\n");
    memset(buf_extend(&request, 65536), 'z', 65536);
    struct buf a owned(buf_done) = ask(buf_str(&request));
    assert_int_equal(wire_status(&a), 200);
    assert_true(a.len > 65536);
}

static void test_keep_alive_and_pipelining(void **state)
{
    (void)state;
    const struct span two = SPAN("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
                                 "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /empt");
    struct buf a owned(buf_done) = buf_of(1U << 20);

    start();
    int fd = wire_connect(http_server_port(server));
    wire_send(fd, two);
    wire_read(fd, &a, SPAN("not_found"), 5000);
    size_t one = span_find(buf_span(&a), SPAN("\r\n\r\none")), second = span_find(buf_span(&a), SPAN("\r\n\r\ntwo"));
    assert_true(one < second && second < span_find(buf_span(&a), SPAN("not_found")));
    wire_send(fd, SPAN("y HTTP/1.1\r\nHost: x\r\n\r\n"));
    wire_read(fd, &a, SPAN("204 No Content"), 5000);
    assert_true(wire_has(&a, "204 No Content"));
    close(fd);
}

static void test_pieces(void **state) /* whatever the packets, one meaning */
{
    (void)state;
    const struct span all = SPAN("POST /echo HTTP/1.1\r\nHost: x\r\n" CLOSE "Content-Length: 4\r\n\r\nbody");

    config.deadline_ms = 5000;
    start();
    for (size_t cut = 1; cut < all.len; cut += 5) {
        struct buf a owned(buf_done) = buf_of(1U << 20);
        int fd = wire_connect(http_server_port(server));
        wire_send(fd, span_head(all, cut));
        usleep(1000);
        wire_send(fd, span_tail(all, cut));
        assert_true(wire_read(fd, &a, (struct span){ 0 }, 5000));
        assert_int_equal(wire_status(&a), 200);
        close(fd);
    }
}

static void test_expect_continue(void **state)
{
    (void)state;
    struct buf a owned(buf_done) = buf_of(1U << 20);

    config.deadline_ms = 5000;
    start();
    int fd = wire_connect(http_server_port(server));
    wire_send(fd, SPAN("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
    wire_read(fd, &a, SPAN("\r\n\r\n"), 5000);
    assert_int_equal(wire_status(&a), 100);
    wire_send(fd, SPAN("body"));
    wire_read(fd, &a, SPAN("\r\n\r\nbody"), 5000);
    assert_true(wire_has(&a, "HTTP/1.1 200 OK"));
    close(fd);
}

/* A byte now and then keeps no connection open past the deadline of the whole request. */
static void test_slow_drip_is_cut(void **state)
{
    (void)state;
    static const char *const drips[] = { "GET /show/1 HTTP/1.1\r\nHost: x\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                         "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\naaaaaaaaaaaaaaaaa" };
    start();
    for (size_t i = 0; i < 2; i++) {
        int fd = wire_connect(http_server_port(server));
        int64_t begin = clock_monotonic_us();
        bool ended = false;
        for (const char *c = drips[i]; *c && !ended; c++) {
            struct buf a owned(buf_done) = buf_of(4096);
            wire_send(fd, span_from(c, 1));
            ended = wire_read(fd, &a, (struct span){ 0 }, 20);
        }
        int64_t took = (clock_monotonic_us() - begin) / 1000;
        assert_true(ended);
        assert_in_range(took, 300, 1200);
        close(fd);
    }
}

static void test_idle_connection_is_closed(void **state)
{
    (void)state;
    struct buf a owned(buf_done) = buf_of(4096);

    config.idle_ms = 100;
    start();
    int fd = wire_connect(http_server_port(server));
    wire_send(fd, SPAN("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(wire_read(fd, &a, (struct span){ 0 }, 5000));
    assert_int_equal(wire_status(&a), 204);
    close(fd);
}

/* The event thread learns of a quiet end when the request's deadline comes, and what has passed counts. */
static void test_idle_time_begins_with_the_answer(void **state)
{
    (void)state;
    struct buf a owned(buf_done) = buf_of(4096);

    config.deadline_ms = 2500;
    config.idle_ms = 2600;
    start();
    int fd = wire_connect(http_server_port(server));
    int64_t begin = clock_monotonic_us();
    wire_send(fd, SPAN("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(wire_read(fd, &a, (struct span){ 0 }, 10000));
    assert_in_range((clock_monotonic_us() - begin) / 1000, 2500, 5000); /* 5100 with both, one after the other */
    assert_int_equal(wire_status(&a), 204);
    close(fd);
}

static void test_full_queue(void **state)
{
    (void)state;
    int fds[4];

    start(); /* two workers, a queue of one */
    for (int i = 0; i < 3; i++) {
        fds[i] = wire_connect(http_server_port(server));
        wire_send(fds[i], SPAN("GET /slow HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n"));
        if (i < 2)
            sem_wait(&entered);
        else
            usleep(50000); /* nothing tells that it is queued */
    }
    struct buf a owned(buf_done) = ask("GET /slow HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    assert_int_equal(wire_status(&a), 503);
    assert_true(wire_has(&a, "Retry-After: 1\r\n"));
    assert_true(wire_has(&a, "\"code\":\"overloaded\""));
    for (int i = 0; i < 3; i++)
        sem_post(&may_go);
    for (int i = 0; i < 3; i++) {
        struct buf b owned(buf_done) = buf_of(4096);
        assert_true(wire_read(fds[i], &b, (struct span){ 0 }, 5000));
        assert_int_equal(wire_status(&b), 200);
        close(fds[i]);
    }
}

/* Nothing of the exchange may be freed under a handler, and the server lives on (run under ASan too). */
static void test_client_vanishes_while_the_handler_works(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 20; i++) {
        struct linger reset = { .l_onoff = 1 };
        int fd = wire_connect(http_server_port(server));
        wire_send(fd, SPAN("GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /empty HTTP/1.1\r\n"));
        sem_wait(&entered);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
        sem_post(&may_go);
    }
    struct buf a owned(buf_done) = ask("GET /empty HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    assert_int_equal(wire_status(&a), 204);
}

static void test_client_vanishes_from_a_large_answer(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 5; i++) {
        struct buf a owned(buf_done) = buf_of(64U << 10);
        int fd = wire_connect(http_server_port(server));
        wire_send(fd, SPAN("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
        wire_read(fd, &a, SPAN("\r\n\r\n"), 5000);
        close(fd);
    }
    struct buf a owned(buf_done) = ask("GET /large HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    assert_int_equal(wire_status(&a), 200);
    assert_true(a.len > 8U << 20);
}

static void test_thousand_idle_connections(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static int fds[COUNT];

    start(); /* raises the limit of descriptors */
    config.deadline_ms = 5000;
    for (int i = 0; i < COUNT; i++) {
        fds[i] = wire_connect(http_server_port(server));
        if (i % 100 == 0) { /* the others stay silent from the start */
            struct buf a owned(buf_done) = buf_of(4096);
            wire_send(fds[i], SPAN("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n"));
            wire_read(fds[i], &a, SPAN("\r\n\r\n"), 5000);
            assert_int_equal(wire_status(&a), 204);
        }
    }
    struct buf a owned(buf_done) = ask("GET /empty HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    assert_int_equal(wire_status(&a), 204);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
}

/* At the cap the connection that has waited longest makes room: strangers cannot lock others out. */
static void test_connection_cap(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    int fds[COUNT];

    config.connections = 4;
    config.deadline_ms = 60000;
    start();
    for (int i = 0; i < COUNT; i++)
        fds[i] = wire_connect(http_server_port(server));
    struct buf a owned(buf_done) = ask("GET /empty HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    assert_int_equal(wire_status(&a), 204);
    int ended = 0;
    for (int i = 0; i < COUNT; i++) {
        struct buf b owned(buf_done) = buf_of(64);
        ended += wire_read(fds[i], &b, (struct span){ 0 }, 50);
        close(fds[i]);
    }
    assert_in_range(ended, COUNT - 4, COUNT - 3);
}

static void *stop_it(void *arg)
{
    http_server_stop(arg);
    return NULL;
}

static void test_stop_drains(void **state)
{
    (void)state;
    struct buf a owned(buf_done) = buf_of(4096);
    pthread_t t;

    config.deadline_ms = 5000;
    start();
    int idle = wire_connect(http_server_port(server)), busy = wire_connect(http_server_port(server));
    wire_send(busy, SPAN("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
    sem_wait(&entered);
    pthread_create(&t, NULL, stop_it, server);
    server = NULL;
    struct buf b owned(buf_done) = buf_of(4096);
    assert_true(wire_read(idle, &b, (struct span){ 0 }, 5000)); /* idle ones are closed at once */
    sem_post(&may_go);
    assert_true(wire_read(busy, &a, (struct span){ 0 }, 5000)); /* the others get their answer */
    assert_int_equal(wire_status(&a), 200);
    close(idle);
    close(busy);
    pthread_join(t, NULL);
}

static void test_refused_settings(void **state)
{
    (void)state;
    static const struct http_route bare[] = { { "GET", "/", ROUTE_NONE, empty }, { 0 } };

    config.address = "0.0.0.0"; /* plain HTTP off loopback */
    assert_fails(http_server_start(&config, &server), FAIL_DENIED);
    config.address = "::";
    assert_fails(http_server_start(&config, &server), FAIL_DENIED);
    config.address = "localhost";
    assert_fails(http_server_start(&config, &server), FAIL_INPUT);
    config.address = NULL;
    assert_fails(http_server_start(&config, &server), FAIL_INPUT);
    config.address = "127.0.0.1";
    config.routes = bare; /* L1 */
    assert_fails(http_server_start(&config, &server), FAIL_INPUT);
    config.routes = routes;
    start();
    struct http_server *second = NULL;
    config.port = http_server_port(server);
    assert_fails(http_server_start(&config, &second), FAIL_SYSTEM);
    assert_null(second);
}

static void *many(void *arg)
{
    int fd = wire_connect(http_server_port(server));

    (void)arg;
    for (int i = 0; i < 200; i++) {
        struct buf a = buf_of(4096);
        wire_send(fd, SPAN("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"));
        wire_read(fd, &a, SPAN("\r\n\r\nhi"), 5000);
        if (wire_status(&a) != 200)
            abort();
        buf_done(&a);
    }
    close(fd);
    return NULL;
}

static void test_several_event_threads(void **state)
{
    (void)state;
    pthread_t t[8];

    config.threads = 3;
    config.queue = 64;
    config.deadline_ms = 5000;
    start();
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, many, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&handled), 1600);
}

static void test_request_ids_differ(void **state)
{
    (void)state;
    start();
    struct buf a owned(buf_done) = ask("GET /empty HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    struct buf b owned(buf_done) = ask("GET /empty HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n");
    struct span at = span_tail(buf_span(&a), span_find(buf_span(&a), SPAN("X-Request-Id: ")));
    assert_true(at.len > 14 + 32);
    struct span id = span_head(span_tail(at, 14), 32);
    assert_int_equal(span_find(id, SPAN("\r")), 32);
    assert_int_equal(span_find(buf_span(&b), id), b.len);
}

static void test_problems(void **state)
{
    (void)state;
    static const struct {
        struct err e;
        int status;
    } rows[] = {
        { FAIL(INPUT, ""), 400 },    { FAIL(DENIED, ""), 403 },   { FAIL(ABSENT, ""), 404 }, { FAIL(CONFLICT, ""), 409 },
        { FAIL(LIMIT, ""), 413 },    { FAIL(UPSTREAM, ""), 503 }, { FAIL(SYSTEM, ""), 500 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(problem_status(rows[i].e), rows[i].status);
    owned(json_free) json_t *j = problem_json(404, "key_unknown", NULL, "id1");
    char *text owned(free) = json_text(j);
    assert_string_equal(text, "{\"type\":\"" PROBLEM_TYPE_BASE "key_unknown\",\"title\":\"Not Found\",\"status\":404,"
                              "\"code\":\"key_unknown\",\"detail\":\"Not Found\",\"instance\":\"id1\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_head_sends_no_body),
        TEST(test_errors_of_another_interface),
        TEST(test_large_heads),
        TEST(test_oversized_body),
        TEST(test_endless_body_is_cut),
        TEST(test_largest_body_allowed),
        TEST(test_keep_alive_and_pipelining),
        TEST(test_pieces),
        TEST(test_expect_continue),
        TEST(test_slow_drip_is_cut),
        TEST(test_idle_connection_is_closed),
        TEST(test_idle_time_begins_with_the_answer),
        TEST(test_full_queue),
        TEST(test_client_vanishes_while_the_handler_works),
        TEST(test_client_vanishes_from_a_large_answer),
        TEST(test_thousand_idle_connections),
        TEST(test_connection_cap),
        TEST(test_stop_drains),
        TEST(test_refused_settings),
        TEST(test_several_event_threads),
        TEST(test_request_ids_differ),
        TEST(test_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
