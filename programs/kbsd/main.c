// SPDX-License-Identifier: Apache-2.0
/* kbsd: the network side of the key broker. */
#include "base/file.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "daemon/daemon.h"
#include "daemon/server_watch.h"
#include "kbsd/guest.h"
#include "kbsd/kbs.h"

static void kbs_close(struct kbs *k)
{
    key_side_close(k->keyd);
    appraiser_close(k->as);
    crl_watch_close(k->crl);
}
static inline void kbs_closep(struct kbs *k)
{
    kbs_close(k);
}

static fallible serve(const struct kbs_settings *s)
{
    struct kbs k owned(kbs_close) = { .settings = s };
    struct http_server *server = NULL;
    char *certificate owned(free) = file_folder(s->certificate);
    char *key owned(free) = file_folder(s->key);
    char *crl owned(free) = file_folder(s->crl);
    char *client_ca owned(free) = file_folder(s->client_ca);
    /* Folders: a file that was renewed is another one. */
    const char *const readable[] = { certificate,
                                     key,
                                     crl,
                                     client_ca,
                                     s->as_ca,
                                     "/etc/hosts",
                                     "/etc/resolv.conf",
                                     "/etc/nsswitch.conf",
                                     "/etc/gai.conf",
                                     "/run/systemd/resolve",
                                     "/usr/lib",
                                     "/lib",
                                     NULL };
    const struct crl_watch_config lists = { .file = s->crl,
                                            .grace_seconds = (int64_t)s->crl_grace_minutes * 60 };
    TRY(crl_watch_open(&lists, &k.crl));
    const struct http_server_config config = {
        .address = s->address,
        .port = (uint16_t)s->port,
        .tls = { .certificate = s->certificate,
                 .key = s->key,
                 .client_ca = s->client_ca,
                 .crl = k.crl },
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
    TRY(appraiser_open(s, k.crl, &k.as));
    TRY(daemon_confine(readable, NULL, SANDBOX_NETWORK));
    TRY(http_server_start(&config, &server));
    daemon_serve("kbs", s->address, server, k.crl);
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
