// SPDX-License-Identifier: Apache-2.0
/* aasd: users, roles and bearer tokens. */
#include "aasd/aas.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "daemon/daemon.h"
#include "daemon/server_watch.h"

enum { EXIT_USAGE = 2 };

#define READABLE_MAX (4 + 7 + 2 * ISSUERS_MAX)

struct aasd_options {
    struct daemon_options daemon;
    const char *administrator, *password_file;
};

static int fail(struct err e, const char *what)
{
    log_err(e, what);
    return EXIT_FAILURE;
}

/* What asking other issuers needs: names, CAs, and files of keys, which are replaced. */
static void add_readable(const struct issuers *i, char *folders[ISSUERS_MAX],
                         const char *readable[READABLE_MAX + 1], size_t *count)
{
    static const char *const always[] = {
        "/etc/hosts",    "/etc/resolv.conf",     "/etc/nsswitch.conf",
        "/etc/gai.conf", "/run/systemd/resolve", "/usr/lib",
        "/lib"
    };

    for (size_t j = 0; j < sizeof(always) / sizeof(always[0]); j++)
        readable[(*count)++] = always[j];
    for (size_t j = 0; j < i->count; j++) {
        folders[j] = file_folder(i->each[j].jwks_file);
        if (folders[j])
            readable[(*count)++] = folders[j];
        if (i->each[j].ca_file)
            readable[(*count)++] = i->each[j].ca_file;
    }
}

static fallible serve(const struct aas_settings *s, struct aas *a)
{
    struct http_server *server = NULL;
    char *certificate owned(free) = file_folder(s->certificate);
    char *key owned(free) = file_folder(s->key);
    char *client_ca owned(free) = file_folder(s->client_ca);
    char *crl owned(free) = file_folder(s->crl);
    char *jwks owned(free) = file_folder(s->jwks_file);
    struct crl_watch *lists owned(crl_watch_close) = NULL;
    const char *own[] = { certificate, key, client_ca, crl };
    const char *readable[READABLE_MAX + 1] = { 0 };
    char *folders[ISSUERS_MAX] = { 0 };
    const char *const writable[] = { s->folder, jwks, NULL };
    const struct crl_watch_config watched = { .file = s->crl,
                                              .grace_seconds = (int64_t)s->crl_grace_minutes * 60 };
    TRY(crl_watch_open(&watched, &lists));
    const struct http_server_config config = {
        .address = s->address,
        .port = (uint16_t)s->port,
        .tls = { .certificate = s->certificate,
                 .key = s->key,
                 .client_ca = s->client_ca,
                 .crl = lists },
        .workers = (unsigned)s->workers,
        .body_max = 64U << 10,
        .routes = aas_routes,
        .context = a,
    };

    size_t count = 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i])
            readable[count++] = own[i];
    }
    if (a->issuers.count) {
        TRY(issuer_keys_open(&a->issuers, &a->issuer_keys));
        add_readable(&a->issuers, folders, readable, &count);
    }
    struct err confined = daemon_confine(readable, writable, SANDBOX_NETWORK);
    for (size_t i = 0; i < ISSUERS_MAX; i++)
        free(folders[i]);
    TRY(confined);
    if (a->issuer_keys)
        TRY(issuer_keys_follow(a->issuer_keys));
    TRY(token_keys_follow(a->keys));
    TRY(http_server_start(&config, &server));
    daemon_serve("aas", s->address, server, lists);
    http_server_stop(server);
    return OK;
}

static int run(const struct aasd_options *o, const struct aas_settings *s)
{
    struct aas a owned(aas_close) = { 0 };

    struct err e = aas_open(s, &a);
    if (failed(e))
        return fail(e, "start");
    if (o->administrator) {
        e = aas_make_administrator(&a, o->administrator, o->password_file, clock_now());
        if (failed(e))
            return fail(e, "make the first administrator");
        log_info("user added", "user", o->administrator, "by", "aasd --init-admin");
        return EXIT_SUCCESS;
    }
    e = serve(s, &a);
    return failed(e) ? fail(e, "serve") : EXIT_SUCCESS;
}

static int configured(const struct aasd_options *o)
{
    struct aas_settings s;
    struct setting rows[AAS_SETTINGS_MAX];

    aas_settings_init(&s, rows);
    int status = daemon_configure(&o->daemon, rows);
    if (status < 0)
        status = daemon_checked(&o->daemon, aas_settings_check(&s));
    if (status < 0)
        status = run(o, &s);
    settings_free(rows);
    return status;
}

int main(int argc, char **argv)
{
    struct err started = crypto_start(CRYPTO_MEMORY_LOCKED);
    struct aasd_options o = { .daemon = { .config = "/etc/warder/aasd.conf" } };
    const struct option_row rows[] = {
        DAEMON_OPTIONS(o.daemon),
        { "init-admin", 0, OPTION_TEXT, "NAME",
          "make the first administrator, or set its password anew, and exit", &o.administrator },
        { "password-file", 0, OPTION_TEXT, "FILE", "its password, one line, a file of mode 0600",
          &o.password_file },
        { 0 },
    };
    const struct command_help help = {
        "aasd", "", "authentication and authorisation: users, roles, bearer tokens",
        "Exit status: 0 stopped or done, 1 failure, 2 wrong usage."
    };
    int status = daemon_begin(argc, argv, rows, &help, started);

    if (status >= 0)
        return status;
    if (!o.administrator != !o.password_file) {
        fprintf(stderr, "aasd: --init-admin NAME and --password-file FILE go together; nothing "
                        "else is taken\n");
        return EXIT_USAGE;
    }
    return configured(&o);
}
