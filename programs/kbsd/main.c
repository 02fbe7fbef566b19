// SPDX-License-Identifier: Apache-2.0
/* kbsd: the network side of the key broker. */
#include "base/log.h"
#include "crypto/crypto.h"
#include "daemon/daemon.h"
#include "kbsd/guest.h"
#include "kbsd/kbs.h"

static void kbs_close(struct kbs *k)
{
    key_side_close(k->keyd);
    appraiser_close(k->as);
}
static inline void kbs_closep(struct kbs *k)
{
    kbs_close(k);
}

static fallible serve(const struct kbs_settings *s)
{
    struct kbs k owned(kbs_close) = { .settings = s };
    struct http_server *server = NULL;
    const char *const readable[] = { s->certificate,     s->key,
                                     s->as_ca,           "/etc/hosts",
                                     "/etc/resolv.conf", "/etc/nsswitch.conf",
                                     "/etc/gai.conf",    "/run/systemd/resolve",
                                     "/usr/lib",         "/lib",
                                     s->client_ca,       NULL };
    const struct http_server_config config = {
        .address = s->address,
        .port = (uint16_t)s->port,
        .tls = { .certificate = s->certificate, .key = s->key, .client_ca = s->client_ca },
        .threads = (unsigned)s->threads,
        .workers = (unsigned)s->workers,
        .body_max = s->body_max,
        .source_rate = (unsigned)s->source_rate,
        .source_burst = (unsigned)s->source_burst,
        .routes = kbs_routes,
        .scope_prefix = "/tenants/",
        .scope_domain = s->tenant_domain,
        .context = &k,
        .foreign_error = guest_foreign_error,
    };

    if (s->log_file)
        TRY(log_copy_to(s->log_file));
    TRY(key_side_open(s->socket, s->connections, (unsigned)s->keyd_timeout_ms, &k.keyd));
    TRY(appraiser_open(s, &k.as));
    TRY(daemon_confine(readable, NULL, SANDBOX_NETWORK));
    TRY(http_server_start(&config, &server));
    daemon_wait("kbs", s->address, http_server_port(server));
    http_server_stop(server);
    return OK;
}

static int run(const struct kbs_settings *s)
{
    struct err e = serve(s);

    if (failed(e))
        log_err(e, "serve");
    return failed(e) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int configured(const struct daemon_options *o)
{
    struct kbs_settings s;
    struct setting rows[KBS_SETTINGS_MAX];

    kbs_settings_init(&s, rows);
    int status = daemon_configure(o, rows);
    if (status < 0)
        status = daemon_checked(o, kbs_settings_check(&s));
    if (status < 0)
        status = run(&s);
    settings_free(rows);
    return status;
}

int main(int argc, char **argv)
{
    struct err started = crypto_start(CRYPTO_MEMORY_PLAIN);
    struct daemon_options o = { .config = "/etc/warder/kbsd.conf" };
    const struct option_row rows[] = { DAEMON_OPTIONS(o), { 0 } };
    const struct command_help help = { "kbsd", "", "the network side of the key broker",
                                       "Exit status: 0 stopped, 1 failure, 2 wrong usage." };
    int status = daemon_begin(argc, argv, rows, &help, started);

    return status < 0 ? configured(&o) : status;
}
