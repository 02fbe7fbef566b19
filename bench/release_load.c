// SPDX-License-Identifier: Apache-2.0
/*
 * The load of bench/release: so many clients, each a thread, for so long. The broker and the TLS
 * echo take turns in short slices, so that both meet the same machine. Prints one JSON object; the
 * driver adds what the servers spent.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "release_client.h"

#define CLIENTS_MAX 64
#define SLICE_US 500000
#define WARM_UP 20
#define SAMPLES_MAX 400000
#define JWKS_MAX (64U << 10)

enum side { RELEASES, ECHOES, SIDES };

struct samples {
    float *ms;
    size_t count;
};

struct client {
    struct load *load;
    struct release_client *client;
    struct samples samples[SIDES];
    pthread_t thread;
};

struct load {
    struct release_config config;
    uint64_t clients, seconds;
    pthread_barrier_t barrier;
    enum side side;   /* between two barriers: whose turn it is */
    int64_t until_us; /* and how long; 0: the end */
    double elapsed_s[SIDES];
    struct client all[CLIENTS_MAX];
};

static void must(struct err e, const char *what)
{
    if (!failed(e))
        return;
    fprintf(stderr, "release_load: %s: %s\n", what, e.what);
    exit(1);
}

static void note(struct samples *s, int64_t us)
{
    if (s->count < SAMPLES_MAX)
        s->ms[s->count++] = (float)us / 1000;
}

static void slice(struct client *c, enum side side, int64_t until_us)
{
    for (int64_t start = clock_monotonic_us(), end; start < until_us; start = end) {
        must(side == RELEASES ? release_once(c->client, false) : echo_once(c->client),
             side == RELEASES ? "release" : "echo");
        end = clock_monotonic_us();
        note(&c->samples[side], end - start);
    }
}

static void *run_client(void *context)
{
    struct client *c = context;

    for (int i = 0; i < WARM_UP; i++) {
        must(release_once(c->client, i == 0), "first releases");
        if (c->load->config.echo)
            must(echo_once(c->client), "first echoes");
    }
    for (;;) {
        pthread_barrier_wait(&c->load->barrier);
        if (!c->load->until_us)
            return NULL;
        slice(c, c->load->side, c->load->until_us);
        pthread_barrier_wait(&c->load->barrier);
    }
}

/* Each side has `seconds`, in turns. */
static void conduct(struct load *l)
{
    for (uint64_t i = 0; i < l->seconds * 2 * 1000000 / SLICE_US; i++) {
        int64_t start = clock_monotonic_us();
        l->side = i % 2 && l->config.echo ? ECHOES : RELEASES;
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
        const struct samples *s = &l->all[i].samples[side];
        all = realloc(all, (count + s->count + 1) * sizeof(*all));
        if (!all)
            abort();
        memcpy(all + count, s->ms, s->count * sizeof(*all));
        count += s->count;
    }
    qsort(all, count, sizeof(*all), order);
    printf("\"%s\":{\"count\":%zu,\"per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}%s", name,
           count, l->elapsed_s[side] > 0 ? (double)count / l->elapsed_s[side] : 0,
           count ? (double)all[count / 2] : 0, count ? (double)all[count * 99 / 100] : 0, end);
    free(all);
}

static void run(struct load *l)
{
    pthread_barrier_init(&l->barrier, NULL, (unsigned)l->clients + 1);
    for (uint64_t i = 0; i < l->clients; i++) {
        struct client *c = &l->all[i];
        c->load = l;
        must(release_client_new(&l->config, &c->client), "client");
        for (int side = 0; side < SIDES; side++)
            if (!(c->samples[side].ms = malloc(SAMPLES_MAX * sizeof(float))))
                abort();
        if (pthread_create(&c->thread, NULL, run_client, c))
            abort();
    }
    conduct(l);
    for (uint64_t i = 0; i < l->clients; i++) {
        pthread_join(l->all[i].thread, NULL);
        release_client_free(l->all[i].client);
    }
    printf("{\"warm_up\":%" PRIu64 ",", l->clients * WARM_UP);
    report(l, "release", RELEASES, ",");
    report(l, "echo", ECHOES, "}\n");
}

static void read_release_keys(const char *path, struct jwks **out)
{
    struct buf text owned(buf_done) = buf_of(JWKS_MAX);

    must(file_read(path, &text), path);
    must(jwks_parse(buf_span(&text), out), path);
}

int main(int argc, char **argv)
{
    static struct load load = { .clients = 1, .seconds = 5 };
    const char *ca = NULL, *key = NULL, *release_keys = NULL, *evidence = NULL;
    uint64_t port = 0, echo_port = 0;
    const struct option_row rows[] = {
        { "ca", 0, OPTION_TEXT, "FILE", "CA of both servers", &ca },
        { "port", 0, OPTION_NUMBER, "PORT", "of kbsd on this machine", &port },
        { "echo-port", 0, OPTION_NUMBER, "PORT", "of tls_echo (default: releases only)",
          &echo_port },
        { "key", 0, OPTION_TEXT, "ID", "the key to release", &key },
        { "release-keys", 0, OPTION_TEXT, "FILE", "JWKS that answers are signed by",
          &release_keys },
        { "evidence", 0, OPTION_TEXT, "SOCKET", "where quotes come from", &evidence },
        { "clients", 0, OPTION_NUMBER, "N", "at once (default: 1)", &load.clients },
        { "seconds", 0, OPTION_NUMBER, "N", "for each of broker and echo (default: 5)",
          &load.seconds },
        { "fresh", 0, OPTION_FLAG, NULL, "a new TLS connection for each request",
          &load.config.fresh },
        { 0 },
    };
    const struct command_help help = { "release_load", "", "the load of bench/release", NULL };
    struct tls_place *broker = NULL, *echo = NULL;
    struct jwks *keys = NULL;
    int rest;

    enum options_result r = options_parse(argc, argv, rows, &help, &rest);
    if (r != OPTIONS_GO)
        return r == OPTIONS_DONE ? 0 : 2;
    if (!ca || !key || !release_keys || !evidence || !load.clients || load.clients > CLIENTS_MAX) {
        fprintf(
            stderr,
            "release_load: all of --ca, --key, --release-keys and --evidence; 1 to 64 clients\n");
        return 2;
    }
    must(crypto_start(CRYPTO_MEMORY_PLAIN), "crypto");
    json_start();
    must(tls_place_open(ca, (uint16_t)port, &broker), ca);
    if (echo_port)
        must(tls_place_open(ca, (uint16_t)echo_port, &echo), ca);
    read_release_keys(release_keys, &keys);
    load.config.broker = broker;
    load.config.echo = echo;
    load.config.key_id = key;
    load.config.evidence_socket = evidence;
    load.config.release_keys = keys;
    run(&load);
    jwks_free(keys);
    tls_place_close(broker);
    tls_place_close(echo);
    return 0;
}
