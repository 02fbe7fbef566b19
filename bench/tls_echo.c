// SPDX-License-Identifier: Apache-2.0
/*
 * What bench/release is compared with: our HTTP server with nothing behind it. POST /echo?size=N
 * reads the body and answers N bytes. Prints its port; ends at SIGTERM or SIGINT.
 */
#include <signal.h>

#include "base/options.h"
#include "crypto/crypto.h"
#include "http/server.h"

#define SIZE_MAX_ASKED (1U << 20)

static uint64_t size_of(struct span text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || n > SIZE_MAX_ASKED)
            return SIZE_MAX_ASKED + 1;
        n = n * 10 + (text.at[i] - '0');
    }
    return n;
}

static void echo(struct http_exchange *x, void *context)
{
    uint64_t size = size_of(http_query(x, "size"));
    struct buf body owned(buf_done) = buf_of(SIZE_MAX_ASKED);

    (void)context;
    uint8_t *at = size <= SIZE_MAX_ASKED ? buf_extend(&body, (size_t)size) : NULL;
    if (!at) {
        http_answer_problem(x, 400, "malformed_request", "size");
        return;
    }
    memset(at, 'x', (size_t)size);
    http_answer(x, 200, "application/octet-stream", buf_span(&body));
}

static const struct http_route routes[] = {
    { "POST", "/echo", ROUTE_OPEN, echo },
    { 0 },
};

static fallible serve(const struct http_server_config *config, const sigset_t *ends)
{
    struct http_server *server = NULL;
    int which;

    if (!config->tls.certificate || !config->tls.key)
        return FAIL(INPUT, "--certificate and --key are needed");
    TRY(crypto_start(CRYPTO_MEMORY_PLAIN));
    TRY(http_server_start(config, &server));
    printf("%u\n", http_server_port(server));
    fflush(stdout);
    sigwait(ends, &which);
    http_server_stop(server);
    return OK;
}

int main(int argc, char **argv)
{
    const char *certificate = NULL, *key = NULL;
    uint64_t port = 0, threads = 1, workers = 0;
    const struct option_row rows[] = {
        { "certificate", 'c', OPTION_TEXT, "FILE", "TLS certificate", &certificate },
        { "key", 'k', OPTION_TEXT, "FILE", "its key", &key },
        { "port", 'p', OPTION_NUMBER, "PORT", "port to listen on (default: any)", &port },
        { "threads", 't', OPTION_NUMBER, "N", "event threads (default: 1)", &threads },
        { "workers", 'w', OPTION_NUMBER, "N", "handler threads (default: 16)", &workers },
        { 0 },
    };
    const struct command_help help = { "tls_echo", "", "the reference of bench/release", NULL };
    sigset_t ends;
    int rest;

    enum options_result r = options_parse(argc, argv, rows, &help, &rest);
    if (r != OPTIONS_GO)
        return r == OPTIONS_DONE ? 0 : 2;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    struct http_server_config config = {
        .address = "127.0.0.1",
        .port = (uint16_t)port,
        .threads = (unsigned)threads,
        .workers = (unsigned)workers,
        .body_max = SIZE_MAX_ASKED,
        .routes = routes,
        .tls = { .certificate = certificate, .key = key },
    };
    struct err e = serve(&config, &ends);
    if (failed(e))
        fprintf(stderr, "tls_echo: %s\n", e.what);
    return failed(e);
}
