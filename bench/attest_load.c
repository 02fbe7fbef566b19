// SPDX-License-Identifier: Apache-2.0
/*
 * The load of bench/attest: so many clients, each a thread, that ask the attestation service for
 * tokens, in turns with a TLS echo of the same sizes; or, with --hold, connections that idle
 * after a first request, or send a byte now and then (--drip), until standard input ends.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "tls_client.h"

#define CLIENTS_MAX 64
#define HELD_MAX 16384
#define EVIDENCE_COUNT 16 /* that a client has, one after another */
#define REPORT_DATA_SIZE 64
#define TEXT_MAX (256U << 10)
#define SLICE_US 500000
#define SAMPLES_MAX 400000
#define WARM_UP 20
#define DRIP_MS 50
#define HTTP_OK 200

enum side { TOKENS, ECHOES, SIDES };

struct client {
    struct load *load;
    struct tls_client *sides[SIDES];
    struct buf bodies[EVIDENCE_COUNT], reply;
    char echo_path[64];
    size_t next;
    float *ms[SIDES];
    size_t count[SIDES];
    pthread_t thread;
};

struct load {
    struct tls_place *places[SIDES];
    const char *evidence_socket, *policy;
    uint64_t clients, seconds;
    pthread_barrier_t barrier;
    enum side side;
    int64_t until_us; /* of this turn; 0: the end */
    double elapsed_s[SIDES];
    struct client all[CLIENTS_MAX];
};

static void must(struct err e, const char *what)
{
    if (!failed(e))
        return;
    fprintf(stderr, "attest_load: %s: %s\n", what, e.what);
    exit(1);
}

static fallible ask_evidence(const char *path, const char *report_data, json_t **out)
{
    int fd owned(fd_close) = -1;
    struct buf line owned(buf_done) = buf_of(TEXT_MAX), question owned(buf_done) = buf_of(1024);
    char chunk[16384];
    ssize_t n;

    buf_addf(&question, "{\"report_data\":\"%s\"}\n", report_data);
    TRY(ipc_connect(path, &fd));
    if (write(fd, question.at, question.len) != (ssize_t)question.len)
        return FAIL(UPSTREAM, "the evidence socket does not take the question");
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        buf_add(&line, span_from(chunk, (size_t)n));
    TRY(buf_check(&line));
    return json_parse_object(buf_span(&line), out);
}

/* A request with evidence of its own, bound to random report data. */
static fallible make_body(const struct load *l, struct buf *out)
{
    owned(json_free) json_t *evidence = NULL;
    uint8_t random[REPORT_DATA_SIZE];
    char hex[2 * REPORT_DATA_SIZE + 1];
    struct span type, quote;

    TRY(random_fill(random, sizeof(random)));
    TRY(ask_evidence(l->evidence_socket, hex_str(SPAN_OF(random), hex), &evidence));
    TRY(json_get_str(evidence, "type", "evidence", &type));
    TRY(json_get_str(evidence, "evidence", "evidence", &quote));
    *out = buf_of(TEXT_MAX);
    buf_addf(
        out,
        "{\"policy_ids\":[\"%s\"],\"runtime_data\":{\"type\":\"report-data\",\"value\":\"%s\"},",
        l->policy, hex);
    buf_addf(out, "\"evidence\":[\"application/vnd.warder.%.*s\",\"", (int)type.len,
             (const char *)type.at);
    buf_add(out, quote);
    buf_add_str(out, "\"]}");
    return buf_check(out);
}

static fallible ask(struct client *c, enum side side)
{
    const char *path = side == TOKENS ? "/as/v1/attest" : c->echo_path;
    const struct buf *body = &c->bodies[c->next++ % EVIDENCE_COUNT];
    int status = 0;

    TRY(tls_client_post(c->sides[side], path, (struct span){ 0 }, buf_span(body), &status,
                        &c->reply));
    if (status != HTTP_OK) {
        fprintf(stderr, "attest_load: %d %s\n", status, buf_str(&c->reply));
        return FAIL(DENIED, "no token");
    }
    if (side == TOKENS)
        snprintf(c->echo_path, sizeof(c->echo_path), "/echo?size=%zu", c->reply.len);
    return OK;
}

static void slice(struct client *c, enum side side, int64_t until_us)
{
    for (int64_t start = clock_monotonic_us(), end; start < until_us; start = end) {
        must(ask(c, side), side == TOKENS ? "attest" : "echo");
        end = clock_monotonic_us();
        if (c->count[side] < SAMPLES_MAX)
            c->ms[side][c->count[side]++] = (float)(end - start) / 1000;
    }
}

static void *run_client(void *context)
{
    struct client *c = context;

    for (int i = 0; i < WARM_UP; i++)
        for (int side = 0; side < SIDES; side++)
            must(ask(c, (enum side)side), "warm-up");
    for (;;) {
        pthread_barrier_wait(&c->load->barrier);
        if (!c->load->until_us)
            return NULL;
        slice(c, c->load->side, c->load->until_us);
        pthread_barrier_wait(&c->load->barrier);
    }
}

static void conduct(struct load *l)
{
    for (uint64_t i = 0; i < l->seconds * 2 * 1000000 / SLICE_US; i++) {
        int64_t start = clock_monotonic_us();
        l->side = i % 2 ? ECHOES : TOKENS;
        l->until_us = start + SLICE_US;
        pthread_barrier_wait(&l->barrier);
        pthread_barrier_wait(&l->barrier);
        l->elapsed_s[l->side] += (double)(clock_monotonic_us() - start) / 1e6;
    }
    l->until_us = 0;
    pthread_barrier_wait(&l->barrier);
}

static int order(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report(const struct load *l, const char *name, enum side side, const char *end)
{
    size_t count = 0;
    float *all = NULL;

    for (uint64_t i = 0; i < l->clients; i++) {
        const struct client *c = &l->all[i];
        all = realloc(all, (count + c->count[side] + 1) * sizeof(*all));
        if (!all)
            abort();
        memcpy(all + count, c->ms[side], c->count[side] * sizeof(*all));
        count += c->count[side];
    }
    qsort(all, count, sizeof(*all), order);
    printf("\"%s\":{\"count\":%zu,\"per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%."
           "3f}%s",
           name, count, (double)count / l->elapsed_s[side], count ? (double)all[count / 2] : 0,
           count ? (double)all[count * 99 / 100] : 0, count ? (double)all[count - 1] : 0, end);
    free(all);
}

static void start_client(struct load *l, struct client *c)
{
    c->load = l;
    c->reply = buf_of(TEXT_MAX);
    for (size_t i = 0; i < EVIDENCE_COUNT; i++)
        must(make_body(l, &c->bodies[i]), "evidence");
    for (int side = 0; side < SIDES; side++) {
        must(tls_client_new(l->places[side], false, &c->sides[side]), "client");
        if (!(c->ms[side] = malloc(SAMPLES_MAX * sizeof(float))))
            abort();
    }
    if (pthread_create(&c->thread, NULL, run_client, c))
        abort();
}

static void run(struct load *l)
{
    pthread_barrier_init(&l->barrier, NULL, (unsigned)l->clients + 1);
    for (uint64_t i = 0; i < l->clients; i++)
        start_client(l, &l->all[i]);
    conduct(l);
    for (uint64_t i = 0; i < l->clients; i++)
        pthread_join(l->all[i].thread, NULL);
    printf("{");
    report(l, "tokens", TOKENS, ",");
    report(l, "echo", ECHOES, "}\n");
}

static bool told_to_end(int wait_ms)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    return poll(&p, 1, wait_ms) != 0;
}

/* Kept alive after a first short request each, as clients do. */
static void hold_idle(const struct tls_place *place, uint64_t count)
{
    static int fds[HELD_MAX];
    struct buf reply owned(buf_done) = buf_of(TEXT_MAX);
    struct tls_client *c = NULL;
    int status = 0;

    must(tls_client_new(place, false, &c), "client");
    for (uint64_t i = 0; i < count; i++) {
        must(tls_client_post(c, "/as/v1/nonce", (struct span){ 0 }, SPAN("{}"), &status, &reply),
             "hold");
        must(status == HTTP_OK ? OK : FAIL(DENIED, "a short request was refused"), "hold");
        fds[i] = tls_client_leave(c);
    }
    printf("HELD\n");
    fflush(stdout);
    while (!told_to_end(1000))
        ;
    for (uint64_t i = 0; i < count; i++)
        close(fds[i]);
    tls_client_free(c);
}

/* A request line each, and then a header that grows by a byte; one that the server cuts begins
 * again. */
static void hold_dripping(const struct tls_place *place, uint64_t count)
{
    static struct tls_client *all[HELD_MAX];
    static bool begun[HELD_MAX];

    for (uint64_t i = 0; i < count; i++)
        must(tls_client_new(place, false, &all[i]), "client");
    for (bool first = true; first || !told_to_end(DRIP_MS); first = false) {
        for (uint64_t i = 0; i < count; i++) {
            struct span bytes =
                begun[i] ? SPAN("a")
                         : SPAN("POST /as/v1/attest HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
            begun[i] = !failed(tls_client_trickle(all[i], bytes));
        }
        if (first) {
            printf("HELD\n");
            fflush(stdout);
        }
    }
    for (uint64_t i = 0; i < count; i++)
        tls_client_free(all[i]);
}

int main(int argc, char **argv)
{
    static struct load load = { .clients = 1, .seconds = 5, .policy = "dev" };
    const char *ca = NULL;
    uint64_t port = 0, echo_port = 0, hold = 0;
    bool drip = false;
    const struct option_row rows[] = {
        { "ca", 0, OPTION_TEXT, "FILE", "CA of both servers", &ca },
        { "port", 0, OPTION_NUMBER, "PORT", "of the role as on this machine", &port },
        { "echo-port", 0, OPTION_NUMBER, "PORT", "of tls_echo", &echo_port },
        { "evidence", 0, OPTION_TEXT, "SOCKET", "where quotes come from", &load.evidence_socket },
        { "policy", 0, OPTION_TEXT, "NAME", "appraisal policy (default: dev)", &load.policy },
        { "clients", 0, OPTION_NUMBER, "N", "at once (default: 1)", &load.clients },
        { "seconds", 0, OPTION_NUMBER, "N", "for each of service and echo (default: 5)",
          &load.seconds },
        { "hold", 0, OPTION_NUMBER, "N", "connections to hold instead, idle", &hold },
        { "drip", 0, OPTION_FLAG, NULL, "each with a request that never ends", &drip },
        { 0 },
    };
    const struct command_help help = { "attest_load", "", "the load of bench/attest", NULL };
    int rest;

    enum options_result r = options_parse(argc, argv, rows, &help, &rest);
    if (r != OPTIONS_GO)
        return r == OPTIONS_DONE ? 0 : 2;
    if (!ca || (!hold && !load.evidence_socket) || !load.clients || load.clients > CLIENTS_MAX ||
        hold > HELD_MAX) {
        fprintf(stderr, "attest_load: --ca and --evidence; 1 to 64 clients, at most 16384 held\n");
        return 2;
    }
    must(crypto_start(CRYPTO_MEMORY_PLAIN), "crypto");
    json_start();
    must(tls_place_open(ca, (uint16_t)port, &load.places[TOKENS]), ca);
    if (hold) {
        (drip ? hold_dripping : hold_idle)(load.places[TOKENS], hold);
        return 0;
    }
    must(tls_place_open(ca, (uint16_t)echo_port, &load.places[ECHOES]), ca);
    run(&load);
    return 0;
}
