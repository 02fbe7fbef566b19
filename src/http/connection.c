// SPDX-License-Identifier: Apache-2.0
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/writer.h"
#include "http/loop_internal.h"

#define LINGER_MS 1000
#define DISCARD_MORE (256U << 10)
#define IN_MAX (REQUEST_HEAD_MAX + 2 * SCRATCH_SIZE)
#define OUT_MAX (ANSWER_MAX + (64U << 10))

static void advance(struct http_connection *c);

static void arm_timer(struct http_connection *c, unsigned ms)
{
    struct timeval t = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

    event_add(&c->timer, &t);
}

static void set_waiting(struct http_connection *c, bool waiting)
{
    if (c->waiting)
        TAILQ_REMOVE(&c->loop->waiting, c, in_waiting);
    if (waiting)
        TAILQ_INSERT_TAIL(&c->loop->waiting, c, in_waiting);
    c->waiting = waiting;
}

void connection_close(struct http_connection *c)
{
    set_waiting(c, false);
    TAILQ_REMOVE(&c->loop->all, c, in_all);
    c->loop->count--;
    event_del(&c->read_event);
    event_del(&c->write_event);
    event_del(&c->timer);
    transport_close(&c->transport);
    exchange_free(c->exchange);
    request_buf_done(&c->in);
    buf_done(&c->out);
    free(c);
}

bool connection_is_idle(const struct http_connection *c)
{
    return c->state == CONNECTION_HANDSHAKE || (c->state == CONNECTION_HEAD && !c->in.len);
}

/* From the event thread, or from the pool thread that has the connection. */
static void send_output(struct http_connection *c)
{
    while (!c->broken && c->sent < c->out.len) {
        size_t n = 0;
        switch (transport_write(&c->transport, span_tail(buf_span(&c->out), c->sent), &n)) {
        case TRANSFER_DONE:
            c->sent += n;
            break;
        case TRANSFER_WANTS_WRITE:
            return;
        case TRANSFER_WANTS_READ: /* a handshake where none belongs */
        case TRANSFER_CLOSED:
            c->broken = true;
            break;
        }
    }
}

static void forget_exchange(struct http_connection *c)
{
    exchange_free(TAKE(c->exchange));
    buf_done(&c->out);
    c->sent = 0;
}

static void run_handler(struct job *job)
{
    struct http_connection *c =
        (struct http_connection *)((char *)job - offsetof(struct http_connection, job));
    struct http_exchange *x = c->exchange;

    x->match.route->handler(x, c->loop->settings->context);
    if (!x->answered)
        http_answer_problem(x, 500, "internal_error", NULL);
    /* The answer leaves from here: one thread switch less before the client has it. */
    send_output(c);
    bool quiet = !c->broken && c->out.len && c->sent == c->out.len && !x->last && !c->in.len &&
                 !transport_holds_input(&c->transport);
    c->answered_us = quiet ? clock_monotonic_us() : 0;
    if (quiet)
        forget_exchange(c); /* what was in the request is wiped now, not when the next one comes */
    loop_hand_back(c->loop, c, quiet);
}

static void linger(struct http_connection *c)
{
    /* Closing with unread input would reset the connection and the client might never see the
     * answer. Who sends twice a body of the greatest size is cut off. */
    c->state = CONNECTION_LINGERING;
    transport_end_output(&c->transport);
    event_add(&c->read_event, NULL);
    arm_timer(c, LINGER_MS);
}

/* Of its idle time, what is left: the event thread may see a quiet end late. */
static unsigned idle_left(struct http_connection *c)
{
    const unsigned idle_ms = c->loop->settings->idle_ms;
    int64_t gone = c->answered_us ? (clock_monotonic_us() - c->answered_us) / 1000 : 0;

    c->answered_us = 0;
    return gone < idle_ms ? idle_ms - (unsigned)gone : 0;
}

static void await_request(struct http_connection *c)
{
    c->state = CONNECTION_HEAD;
    c->timed = false;
    if (!c->in.len)
        request_buf_done(&c->in); /* idle connections hold no memory of ours but their own */
    set_waiting(c, true);
    if (!event_pending(&c->read_event, EV_READ, NULL))
        event_add(&c->read_event, NULL);
    arm_timer(c, idle_left(c));
}

/* The answer is in `out`, perhaps sent in part. True: the connection lives and reads on. */
static bool after_answer(struct http_connection *c)
{
    if (c->broken) {
        connection_close(c);
        return false;
    }
    if (c->sent < c->out.len) {
        if (c->state != CONNECTION_WRITING)
            arm_timer(c, c->loop->settings->idle_ms);
        c->state = CONNECTION_WRITING;
        event_add(&c->write_event, NULL);
        return false;
    }
    event_del(&c->write_event);
    c->discard_left = 2 * c->exchange->body.max + DISCARD_MORE;
    bool last = c->exchange->last || !c->out.len || atomic_load(&c->loop->stopping);
    forget_exchange(c);
    if (last) {
        linger(c);
        return false;
    }
    await_request(c);
    return true;
}

/* The event thread's own answers: errors before any handler. True: reads on. */
static bool answer_here(struct http_connection *c)
{
    send_output(c);
    return after_answer(c);
}

static bool refuse(struct http_connection *c, struct refusal r)
{
    set_waiting(c, false);
    c->exchange->last = true; /* where the next request begins is not known */
    bool (*foreign)(struct http_exchange * x, int status) =
        c->loop->settings->routing.foreign_error;
    if (r.status != 413 || !foreign || !foreign(c->exchange, r.status))
        exchange_refuse(c->exchange, r);
    return answer_here(c);
}

static struct http_exchange *exchange_new(struct http_connection *c)
{
    struct loop_settings *s = c->loop->settings;
    struct http_exchange *x = calloc(1, sizeof(*x));
    struct buf id owned(buf_done) = buf_of(16);

    if (!x)
        return NULL;
    write_u64be(&id, s->id_prefix);
    write_u64be(&id, atomic_fetch_add_explicit(&s->id_next, 1, memory_order_relaxed));
    if (failed(buf_check(&id))) {
        free(x);
        return NULL;
    }
    hex_str(buf_span(&id), x->id);
    x->peer = c->peer;
    x->transport = &c->transport;
    x->head_text = buf_of(REQUEST_HEAD_MAX);
    x->body = buf_of(s->body_max);
    x->certificate = buf_of(64U << 10);
    x->headers = buf_of(ANSWER_HEADERS_MAX);
    x->out = &c->out;
    c->out = buf_of(OUT_MAX);
    c->sent = 0;
    return x;
}

/* True: go on with what is in `in`. */
static bool dispatch(struct http_connection *c)
{
    struct http_exchange *x = c->exchange;

    set_waiting(c, false);
    if (!rate_limit_take(c->loop->settings->sources, SPAN_OF(c->source), clock_monotonic_us())) {
        c->state = CONNECTION_BODY;
        http_answer_problem(x, 429, "rate_limited", "too many requests from this address");
        return answer_here(c);
    }
    if (!exchange_route(x, &c->loop->settings->routing))
        return answer_here(c);
    c->state = CONNECTION_HANDLING;
    c->job.run = run_handler;
    if (pool_give(c->loop->settings->pool, &c->job))
        return false; /* the pool thread has it now */
    c->state = CONNECTION_BODY;
    http_answer_problem(x, 503, "overloaded", "too many requests are waiting");
    return answer_here(c);
}

static bool say_continue(struct http_connection *c)
{
    struct span text = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
    size_t sent = 0;

    return transport_write(&c->transport, text, &sent) == TRANSFER_DONE && sent == text.len;
}

static struct refusal read_head(struct http_connection *c, size_t len)
{
    struct http_exchange *x = c->exchange;

    buf_add(&x->head_text, span_head(buf_span(&c->in), len));
    buf_drop_front(&c->in, len);
    if (failed(buf_check(&x->head_text)))
        return REFUSE(431, "header_too_large", "the request's head is too large");
    struct refusal r = request_head_parse(buf_span(&x->head_text), &x->head);
    x->head_only = !strcmp(x->head.method, "HEAD");
    if (!r.status && !scope_take(x, &c->loop->settings->routing))
        return REFUSE(404, "not_found", "no such path");
    if (!r.status)
        x->body.max = route_body_max(c->loop->settings->routing.routes, x->head.method, x->routed,
                                     x->body.max);
    if (!r.status && x->head.content_length > x->body.max)
        return REFUSE(413, "body_too_large", "the request's body is too large");
    x->last = !x->head.keep_alive;
    return r;
}

/* True: the state has changed, go on. */
static bool take_head(struct http_connection *c)
{
    size_t end = span_find(buf_span(&c->in), SPAN("\r\n\r\n"));

    if (end == c->in.len && end <= REQUEST_HEAD_MAX)
        return false;
    if (transport_admitted(&c->transport))
        c->exchange = exchange_new(c);
    if (!c->exchange) {
        connection_close(c);
        return false;
    }
    if (end + 4 > REQUEST_HEAD_MAX)
        return refuse(c, REFUSE(431, "header_too_large", "the request's head is too large"));
    struct refusal r = read_head(c, end + 4);
    if (r.status)
        return refuse(c, r);
    c->state = CONNECTION_BODY;
    c->chunked = (struct chunked){ 0 };
    bool body_to_come = c->exchange->head.chunked || c->exchange->head.content_length;
    if (c->exchange->head.expects_continue && body_to_come && !c->in.len && !say_continue(c)) {
        connection_close(c);
        return false;
    }
    return true;
}

static bool take_chunked(struct http_connection *c)
{
    struct err e = chunked_feed(&c->chunked, &c->in, &c->exchange->body);

    if (e.kind == FAIL_LIMIT)
        return refuse(c, REFUSE(413, "body_too_large", "the request's body is too large"));
    if (failed(e))
        return refuse(c, REFUSE(400, "malformed_request", "chunked body"));
    return c->chunked.state == CHUNK_DONE && dispatch(c);
}

static bool take_body(struct http_connection *c)
{
    struct http_exchange *x = c->exchange;

    if (x->head.chunked)
        return take_chunked(c);
    struct span part = span_head(buf_span(&c->in), (size_t)x->head.content_length - x->body.len);
    size_t len = part.len;
    buf_add(&x->body, part);
    buf_drop_front(&c->in, len);
    if (failed(buf_check(&x->body)))
        return refuse(c, REFUSE(413, "body_too_large", "the request's body is too large"));
    return x->body.len == x->head.content_length && dispatch(c);
}

/* Goes as far as the input reaches. The connection may be closed or the pool's afterwards. */
static void advance(struct http_connection *c)
{
    bool more = true;

    while (more)
        more = c->state == CONNECTION_HEAD ? c->in.len && take_head(c) : take_body(c);
}

/* One deadline from a request's first byte to its last, however the bytes drip in. */
static void time_request(struct http_connection *c)
{
    if (c->timed || !c->in.len)
        return;
    c->timed = true;
    arm_timer(c, c->loop->settings->deadline_ms);
}

/* After an answer: what has come meanwhile is with us, or inside TLS where the kernel does not show
 * it. */
static void resume(struct http_connection *c)
{
    time_request(c);
    if (transport_holds_input(&c->transport))
        event_active(&c->read_event, EV_READ, 0);
    advance(c);
}

bool connection_handed_back(struct http_connection *c)
{
    c->state = CONNECTION_HEAD; /* the handler no longer has it */
    if (c->deaf)
        atomic_fetch_sub(&c->loop->deaf, 1);
    c->deaf = false;
    if (!c->exchange) { /* quietly */
        if (atomic_load(&c->loop->stopping)) {
            linger(c);
            return false;
        }
        await_request(c);
        return true;
    }
    if (after_answer(c))
        resume(c);
    return false;
}

/* Its handler has it: whoever hands it back is to wake us. It may be handed back, and closed, in
 * here. */
static void turn_deaf(struct http_connection *c)
{
    struct loop *l = c->loop;

    if (!c->deaf)
        atomic_fetch_add(&l->deaf, 1);
    c->deaf = true;
    (void)loop_take_back(l, NULL);
}

static void read_more(struct http_connection *c)
{
    struct loop *l = c->loop;
    size_t got = 0;

    switch (transport_read(&c->transport, l->scratch, SCRATCH_SIZE, &got)) {
    case TRANSFER_DONE:
        buf_add(&c->in, span_from(l->scratch, got));
        if (failed(buf_check(&c->in))) {
            connection_close(c);
            return;
        }
        time_request(c);
        if (transport_holds_input(&c->transport))
            event_active(&c->read_event, EV_READ, 0);
        advance(c);
        return;
    case TRANSFER_WANTS_READ:
        return;
    case TRANSFER_WANTS_WRITE:
        event_add(&c->write_event, NULL);
        return;
    case TRANSFER_CLOSED:
        connection_close(c);
        return;
    }
}

static void shake_hands(struct http_connection *c)
{
    switch (transport_handshake(&c->transport)) {
    case TRANSFER_DONE:
        event_del(&c->write_event);
        c->state = CONNECTION_HEAD;
        read_more(c); /* the first request often comes with the end of the handshake */
        return;
    case TRANSFER_WANTS_READ:
        event_del(&c->write_event);
        return;
    case TRANSFER_WANTS_WRITE:
        event_add(&c->write_event, NULL);
        return;
    case TRANSFER_CLOSED:
        connection_close(c);
        return;
    }
}

/* Further requests, or the end: later, unless the connection was handed back quietly. */
static void hear_while_handled(struct http_connection *c)
{
    switch (loop_take_back(c->loop, c)) {
    case BACK_READY:
        read_more(c);
        return;
    case BACK_DONE:
        return;
    case NOT_BACK:
        event_del(&c->read_event);
        turn_deaf(c);
        return;
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct http_connection *c = arg;

    (void)fd;
    switch (c->state) {
    case CONNECTION_HANDSHAKE:
        shake_hands(c);
        return;
    case CONNECTION_HEAD:
    case CONNECTION_BODY:
        if (what & EV_WRITE)
            event_del(&c->write_event);
        read_more(c);
        return;
    case CONNECTION_HANDLING:
        hear_while_handled(c);
        return;
    case CONNECTION_WRITING:
        if (!(what & EV_WRITE)) {
            event_del(&c->read_event);
            return;
        }
        send_output(c);
        if (after_answer(c))
            resume(c);
        return;
    case CONNECTION_LINGERING:
        if (transport_discard(&c->transport, &c->discard_left) == TRANSFER_CLOSED)
            connection_close(c);
        return;
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct http_connection *c = arg;

    (void)fd;
    (void)what;
    if (c->state != CONNECTION_HANDLING)
        connection_close(c);
    else if (loop_take_back(c->loop, c) == NOT_BACK)
        turn_deaf(c); /* nothing else would time it when it comes back */
}

void connection_open(struct loop *l, int fd, const struct sockaddr_storage *from)
{
    struct http_connection *c = calloc(1, sizeof(*c));
    int on = 1;

    if (!c) {
        close(fd);
        return;
    }
    if (failed(transport_open(fd, l->settings->tls, &c->transport))) {
        free(c);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->loop = l;
    c->state = l->settings->tls ? CONNECTION_HANDSHAKE : CONNECTION_HEAD;
    c->in = buf_of(IN_MAX);
    c->out = buf_of(OUT_MAX);
    source_of(from, c->peer, c->source);
    event_assign(&c->read_event, l->base, fd, EV_READ | EV_PERSIST, on_socket, c);
    event_assign(&c->write_event, l->base, fd, EV_WRITE | EV_PERSIST, on_socket, c);
    evtimer_assign(&c->timer, l->base, on_timer, c);
    TAILQ_INSERT_TAIL(&l->all, c, in_all);
    l->count++;
    set_waiting(c, true);
    event_add(&c->read_event, NULL);
    c->timed = true; /* handshake and first request share one deadline */
    arm_timer(c, l->settings->deadline_ms);
}
