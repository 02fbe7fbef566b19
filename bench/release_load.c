// SPDX-License-Identifier: Apache-2.0
/* The load of bench/release: so many clients for so long, in turns with a TLS echo (turns.h).
 * Prints one JSON object; the driver adds what the servers spent. */
#include <inttypes.h>

#include "base/file.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "release_client.h"
#include "turns.h"

#define NAME "release_load"
#define JWKS_MAX (64U << 10)

static struct err ask(void *client, enum side side, bool first)
{
    return side == SERVICE ? release_once(client, first) : echo_once(client);
}

static void run(const struct release_config *config, struct turns *t)
{
    t->echo = config->echo != NULL;
    for (uint64_t i = 0; i < t->clients; i++) {
        struct release_client *client = NULL;
        must(release_client_new(config, &client), NAME, "client");
        t->all[i].own = client;
    }
    turns_run(t);
    for (uint64_t i = 0; i < t->clients; i++)
        release_client_free(t->all[i].own);
    printf("{\"warm_up\":%" PRIu64 ",", t->clients * t->warm_up);
    turns_report(t);
    printf("}\n");
}

static void read_release_keys(const char *path, struct jwks **out)
{
    struct buf text owned(buf_done) = buf_of(JWKS_MAX);

    must(file_read(path, &text), NAME, path);
    must(jwks_parse(buf_span(&text), out), NAME, path);
}

int main(int argc, char **argv)
{
    static struct turns turns = {
        .program = NAME, .service = "release", .clients = 1, .seconds = 5, .ask = ask
    };
    struct release_config config = { 0 };
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
        { "clients", 0, OPTION_NUMBER, "N", "at once (default: 1)", &turns.clients },
        { "seconds", 0, OPTION_NUMBER, "N", "for each of broker and echo (default: 5)",
          &turns.seconds },
        { "warm-up", 0, OPTION_NUMBER, "N", "releases of each client before (default: 20)",
          &turns.warm_up },
        { "fresh", 0, OPTION_FLAG, NULL, "a new TLS connection for each release", &config.fresh },
        { 0 },
    };
    const struct command_help help = { "release_load", "", "the load of bench/release", NULL };
    struct tls_place *broker = NULL, *echo = NULL;
    struct jwks *keys = NULL;
    int rest;

    enum options_result r = options_parse(argc, argv, rows, &help, &rest);
    if (r != OPTIONS_GO)
        return r == OPTIONS_DONE ? 0 : 2;
    if (!ca || !key || !release_keys || !evidence || !turns.clients ||
        turns.clients > CLIENTS_MAX) {
        fprintf(
            stderr,
            "release_load: all of --ca, --key, --release-keys and --evidence; 1 to 64 clients\n");
        return 2;
    }
    must(crypto_start(CRYPTO_MEMORY_PLAIN), NAME, "crypto");
    json_start();
    must(tls_place_open(ca, (uint16_t)port, &broker), NAME, ca);
    if (echo_port)
        must(tls_place_open(ca, (uint16_t)echo_port, &echo), NAME, ca);
    read_release_keys(release_keys, &keys);
    config.broker = broker;
    config.echo = echo;
    config.key_id = key;
    config.evidence_socket = evidence;
    config.release_keys = keys;
    run(&config, &turns);
    jwks_free(keys);
    tls_place_close(broker);
    tls_place_close(echo);
    return 0;
}
