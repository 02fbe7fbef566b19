// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/reader.h"
#include "crypto/random.h"
#include "http/loop_internal.h"

#define BACKLOG 1024
#define THREADS_MAX 64
#define BODY_MAX_MAX (64U << 20)

struct http_server {
    struct loop_settings settings;
    uint16_t port;
    unsigned loops;
    struct loop *loop[THREADS_MAX];
};

static unsigned or_default(unsigned v, unsigned otherwise)
{
    return v ? v : otherwise;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static fallible address_parse(const char *text, uint16_t port, union address *out, bool *loopback)
{
    union address a = { 0 };

    if (text && inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
        *loopback = (ntohl(a.v4.sin_addr.s_addr) >> 24) == 127;
    } else if (text && inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
        *loopback = IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
    } else {
        return FAIL(INPUT, "the address to listen on is not a numeric one");
    }
    *out = a;
    return OK;
}

static fallible listen_on(union address *a, bool shared, int *out)
{
    socklen_t len = a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
    int fd owned(fd_close) =
        socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return FAIL(SYSTEM, "no socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return FAIL(SYSTEM, "several threads cannot share a port here");
    if (bind(fd, &a->any, len) < 0)
        return FAIL(SYSTEM, "the address to listen on is in use or not ours");
    if (listen(fd, BACKLOG) < 0)
        return FAIL(SYSTEM, "cannot listen");
    /* With port 0 the kernel has chosen one; the other threads' listeners need the same. */
    if (getsockname(fd, &a->any, &len) < 0)
        return FAIL(SYSTEM, "cannot listen");
    *out = fd_take(&fd);
    return OK;
}

/* As many descriptors as we may have: connections are limited by our own count. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static fallible settings_fill(const struct http_server_config *config, struct loop_settings *s)
{
    uint8_t prefix[8];

    TRY(routes_check(config->routes));
    TRY(random_fill(prefix, sizeof(prefix)));
    struct reader r = reader_of(SPAN_OF(prefix));
    s->id_prefix = reader_u64be(&r);
    s->routing = (struct routing){ config->routes, config->foreign_error, config->repeats_allowed,
                                   config->scope_prefix, config->scope_domain };
    s->context = config->context;
    if (config->source_rate)
        TRY(rate_limit_new(config->source_rate,
                           or_default(config->source_burst, config->source_rate), &s->sources));
    s->body_max = config->body_max ? config->body_max : 256U << 10;
    if (s->body_max > BODY_MAX_MAX)
        return FAIL(INPUT, "the largest body allowed is too large");
    s->deadline_ms = or_default(config->deadline_ms, 10000);
    s->idle_ms = or_default(config->idle_ms, 60000);
    if (!config->plain)
        TRY(tls_live_open(&config->tls, &s->tls));
    return pool_start(or_default(config->workers, 16), or_default(config->queue, 256), &s->pool);
}

static fallible loops_start(struct http_server *s, const struct http_server_config *config)
{
    unsigned threads = or_default(config->threads, 1);
    size_t connections = or_default(config->connections, 10000) / threads;
    bool loopback;
    union address a;

    if (threads > THREADS_MAX)
        return FAIL(INPUT, "too many event threads");
    TRY(address_parse(config->address, config->port, &a, &loopback));
    if (config->plain && !loopback)
        return FAIL(DENIED, "without TLS only on a loopback address");
    for (; s->loops < threads; s->loops++) {
        int fd = -1;
        TRY(listen_on(&a, threads > 1, &fd));
        TRY(loop_new(&s->settings, fd, connections ? connections : 1, &s->loop[s->loops]));
    }
    s->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    for (unsigned i = 0; i < s->loops; i++)
        TRY(loop_run(s->loop[i]));
    return OK;
}
OWNED_TYPE(struct http_server, http_server_stop)

fallible http_server_start(const struct http_server_config *config, struct http_server **out)
{
    owned(http_server_stop) struct http_server *s = calloc(1, sizeof(*s));

    if (!s)
        return FAIL(SYSTEM, "out of memory for the server");
    raise_descriptor_limit();
    TRY(settings_fill(config, &s->settings));
    TRY(loops_start(s, config));
    *out = TAKE(s);
    return OK;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

struct tls_state http_server_tls(const struct http_server *s)
{
    return s->settings.tls ? tls_live_state(s->settings.tls) : (struct tls_state){ 0 };
}

void http_server_stop(struct http_server *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < s->loops; i++)
        loop_stop(s->loop[i]);
    pool_stop(s->settings.pool);
    for (unsigned i = 0; i < s->loops; i++)
        loop_free(s->loop[i]);
    tls_live_close(s->settings.tls);
    rate_limit_free(s->settings.sources);
    free(s);
}
