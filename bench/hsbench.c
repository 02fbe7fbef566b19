// SPDX-License-Identifier: Apache-2.0
/*
 * hsbench PORT THREADS SECONDS: new TLS 1.3 connections to 127.0.0.1, each a full handshake (no
 * tickets, no resumption), closed in order so that the server has finished its part too. Prints one
 * JSON object: handshakes, errors, seconds, and the 50th and 99th percentile of the handshake's
 * time.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/owned.h"

#define THREADS_MAX 64
#define SAMPLES_MAX (1U << 20) /* a thread */

struct client {
    pthread_t thread;
    SSL_CTX *ctx;
    struct sockaddr_in server;
    int64_t until;
    uint32_t *samples; /* microseconds */
    size_t count, errors;
};

static void close_in_order(SSL *ssl, int fd)
{
    struct linger reset = { 1, 0 };
    char rest[256];

    SSL_shutdown(ssl);
    while (recv(fd, rest, sizeof(rest), 0) > 0)
        ;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
               sizeof(reset)); /* the server has closed: no TIME_WAIT here */
}

static bool handshake(struct client *c, uint32_t *took)
{
    int fd owned(fd_close) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = { .tv_sec = 5 };
    int on = 1;
    int64_t begun = clock_monotonic_us();

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (fd < 0 || connect(fd, (const struct sockaddr *)&c->server, sizeof(c->server)))
        return false;
    SSL *ssl = SSL_new(c->ctx);
    bool good = ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1;
    *took = (uint32_t)(clock_monotonic_us() - begun);
    if (good)
        close_in_order(ssl, fd);
    SSL_free(ssl);
    return good;
}

static void *client_run(void *arg)
{
    struct client *c = arg;

    while (clock_monotonic_us() < c->until && c->count < SAMPLES_MAX) {
        if (handshake(c, &c->samples[c->count])) {
            c->count++;
            continue;
        }
        c->errors++;
        usleep(1000);
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static SSL_CTX *client_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set1_groups_list(ctx, "X25519:P-256"))
        exit(1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* the server's work is what is measured */
    return ctx;
}

static void report(const struct client *clients, size_t threads, int64_t took)
{
    size_t count = 0, errors = 0;
    uint32_t *all owned(free) = malloc(sizeof(*all) * SAMPLES_MAX * threads);

    if (!all)
        exit(1);
    for (size_t i = 0; i < threads; i++) {
        memcpy(all + count, clients[i].samples, clients[i].count * sizeof(*all));
        count += clients[i].count;
        errors += clients[i].errors;
    }
    qsort(all, count, sizeof(*all), by_value);
    printf("{\"handshakes\":%zu,\"errors\":%zu,\"seconds\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
           count, errors, (double)took / 1e6, count ? all[count / 2] / 1e3 : 0.0,
           count ? all[count * 99 / 100] / 1e3 : 0.0);
}

int main(int argc, char **argv)
{
    static struct client clients[THREADS_MAX];
    size_t threads = argc == 4 ? (size_t)atoi(argv[2]) : 0;

    if (!threads || threads > THREADS_MAX) {
        fprintf(stderr, "usage: hsbench PORT THREADS SECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *ctx = client_context();
    int64_t begun = clock_monotonic_us();
    for (size_t i = 0; i < threads; i++) {
        clients[i] = (struct client){ .ctx = ctx, .until = begun + (int64_t)(atof(argv[3]) * 1e6) };
        clients[i].server = (struct sockaddr_in){ .sin_family = AF_INET,
                                                  .sin_port = htons((uint16_t)atoi(argv[1])) };
        clients[i].server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        clients[i].samples = malloc(sizeof(uint32_t) * SAMPLES_MAX);
        if (!clients[i].samples ||
            pthread_create(&clients[i].thread, NULL, client_run, &clients[i]))
            return 1;
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(clients[i].thread, NULL);
    report(clients, threads, clock_monotonic_us() - begun);
    return 0;
}
