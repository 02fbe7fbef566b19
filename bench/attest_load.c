// SPDX-License-Identifier: Apache-2.0
/*
 * The load of bench/attest: so many clients that ask the attestation service for tokens, in turns
 * with a TLS echo of the same sizes (turns.h); or, with --hold, connections that idle after a first
 * request, or send a byte now and then (--drip), until standard input ends.
 */
#include <poll.h>

#include "base/hex.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "tls_client.h"
#include "turns.h"

#define NAME "attest_load"
#define HELD_MAX 16384
#define EVIDENCE_COUNT 16 /* that a client has, one after another */
#define REPORT_DATA_SIZE 64
#define TEXT_MAX (256U << 10)
#define DRIP_MS 50
#define HTTP_OK 200

struct client {
    struct tls_client *sides[SIDES];
    struct buf bodies[EVIDENCE_COUNT], reply;
    char echo_path[64];
    size_t next;
};

struct load {
    struct tls_place *places[SIDES];
    const char *evidence_socket, *policy;
    struct client all[CLIENTS_MAX];
};

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

static struct err ask(void *client, enum side side, bool first)
{
    struct client *c = client;
    const char *path = side == SERVICE ? "/as/v1/attest" : c->echo_path;
    const struct buf *body = &c->bodies[c->next++ % EVIDENCE_COUNT];
    int status = 0;

    (void)first;
    TRY(tls_client_post(c->sides[side], path, (struct span){ 0 }, buf_span(body), &status,
                        &c->reply));
    if (status != HTTP_OK) {
        fprintf(stderr, NAME ": %d %s\n", status, buf_str(&c->reply));
        return FAIL(DENIED, "no token");
    }
    if (side == SERVICE)
        snprintf(c->echo_path, sizeof(c->echo_path), "/echo?size=%zu", c->reply.len);
    return OK;
}

static void make_client(const struct load *l, struct client *c)
{
    c->reply = buf_of(TEXT_MAX);
    for (size_t i = 0; i < EVIDENCE_COUNT; i++)
        must(make_body(l, &c->bodies[i]), NAME, "evidence");
    for (int side = 0; side < SIDES; side++)
        must(tls_client_new(l->places[side], &c->sides[side]), NAME, "client");
}

static void run(struct load *l, struct turns *t)
{
    for (uint64_t i = 0; i < t->clients; i++) {
        make_client(l, &l->all[i]);
        t->all[i].own = &l->all[i];
    }
    turns_run(t);
    putchar('{');
    turns_report(t);
    printf("}\n");
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

    must(tls_client_new(place, &c), NAME, "client");
    for (uint64_t i = 0; i < count; i++) {
        must(tls_client_post(c, "/as/v1/nonce", (struct span){ 0 }, SPAN("{}"), &status, &reply),
             NAME, "hold");
        must(status == HTTP_OK ? OK : FAIL(DENIED, "a short request was refused"), NAME, "hold");
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
        must(tls_client_new(place, &all[i]), NAME, "client");
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
    static struct load load = { .policy = "dev" };
    static struct turns turns = {
        .program = NAME, .service = "tokens", .clients = 1, .seconds = 5, .echo = true, .ask = ask
    };
    const char *ca = NULL;
    uint64_t port = 0, echo_port = 0, hold = 0;
    bool drip = false;
    const struct option_row rows[] = {
        { "ca", 0, OPTION_TEXT, "FILE", "CA of both servers", &ca },
        { "port", 0, OPTION_NUMBER, "PORT", "of the role as on this machine", &port },
        { "echo-port", 0, OPTION_NUMBER, "PORT", "of tls_echo", &echo_port },
        { "evidence", 0, OPTION_TEXT, "SOCKET", "where quotes come from", &load.evidence_socket },
        { "policy", 0, OPTION_TEXT, "NAME", "appraisal policy (default: dev)", &load.policy },
        { "clients", 0, OPTION_NUMBER, "N", "at once (default: 1)", &turns.clients },
        { "seconds", 0, OPTION_NUMBER, "N", "for each of service and echo (default: 5)",
          &turns.seconds },
        { "hold", 0, OPTION_NUMBER, "N", "connections to hold instead, idle", &hold },
        { "drip", 0, OPTION_FLAG, NULL, "each with a request that never ends", &drip },
        { 0 },
    };
    const struct command_help help = { "attest_load", "", "the load of bench/attest", NULL };
    int rest;

    enum options_result r = options_parse(argc, argv, rows, &help, &rest);
    if (r != OPTIONS_GO)
        return r == OPTIONS_DONE ? 0 : 2;
    if (!ca || (!hold && !load.evidence_socket) || !turns.clients || turns.clients > CLIENTS_MAX ||
        hold > HELD_MAX) {
        fprintf(stderr, NAME ": --ca and --evidence; 1 to 64 clients, at most 16384 held\n");
        return 2;
    }
    must(crypto_start(CRYPTO_MEMORY_PLAIN), NAME, "crypto");
    json_start();
    must(tls_place_open(ca, (uint16_t)port, &load.places[SERVICE]), NAME, ca);
    if (hold) {
        (drip ? hold_dripping : hold_idle)(load.places[SERVICE], hold);
        return 0;
    }
    must(tls_place_open(ca, (uint16_t)echo_port, &load.places[ECHOES]), NAME, ca);
    run(&load, &turns);
    return 0;
}
