// SPDX-License-Identifier: Apache-2.0
/* cmsd: the certification authority of a Warder installation. */
#include "base/file.h"
#include "base/log.h"
#include "cmsd/cms.h"
#include "crypto/crypto.h"
#include "daemon/daemon.h"
#include "daemon/server_watch.h"

enum { EXIT_USAGE = 2 };

struct cmsd_options {
    struct daemon_options daemon;
    bool issue;
    struct cms_command command;
};

static int fail(struct err e, const char *what)
{
    log_err(e, what);
    return EXIT_FAILURE;
}

static fallible serve(const struct cms_settings *s)
{
    struct cms c owned(cms_close) = { 0 };
    struct http_server *server = NULL;
    char *certificate owned(free) = file_folder(s->certificate);
    char *key owned(free) = file_folder(s->key);
    char *jwks owned(free) = file_folder(s->aas_jwks);
    char *chain owned(free) = NULL;
    const char *const readable[] = { certificate, key, jwks, NULL };
    const char *const writable[] = { s->folder, s->token.files, NULL };
    if (asprintf(&chain, "%s/" ISSUER_CHAIN_FILE, s->folder) < 0)
        return FAIL(SYSTEM, "memory is short");
    /* Whoever renews shows its certificate; others may show none. */
    const struct http_server_config config = {
        .address = s->address,
        .port = (uint16_t)s->port,
        .tls = { .certificate = s->certificate, .key = s->key, .client_ca = chain },
        .workers = (unsigned)s->workers,
        .body_max = 64U << 10,
        .routes = cms_routes,
        .context = &c,
    };

    TRY(cms_open(s, true, &c));
    TRY(daemon_confine(readable, writable, SANDBOX_NETWORK));
    TRY(http_server_start(&config, &server));
    daemon_serve("cms", s->address, server, NULL);
    http_server_stop(server);
    return OK;
}

static int run(const struct cmsd_options *o, const struct cms_settings *s)
{
    if (o->command.init)
        return cms_init(s, &o->command);
    if (o->command.import)
        return cms_import(s, &o->command);
    if (o->command.crl)
        return cms_write_crl(s, &o->command);
    if (o->command.tls_digest)
        return cms_print_tls_digest(s);
    if (o->issue)
        return cms_issue_offline(s, &o->command);
    struct err e = serve(s);
    return failed(e) ? fail(e, "serve") : EXIT_SUCCESS;
}

static int configured(const struct cmsd_options *o)
{
    struct cms_settings s;
    struct setting rows[CMS_SETTINGS_MAX];

    cms_settings_init(&s, rows);
    int status = daemon_configure(&o->daemon, rows);
    if (status < 0)
        status = daemon_checked(&o->daemon, cms_settings_check(&s));
    if (status < 0)
        status = run(o, &s);
    settings_free(rows);
    return status;
}

/* At most one command, and --issue with its files. */
static bool usage_good(const struct cmsd_options *o)
{
    const struct cms_command *c = &o->command;

    if (c->init + c->tls_digest + o->issue + c->crl + (c->import != NULL) > 1)
        return false;
    if ((c->root_key && !c->init) || (c->key && !c->import) || (c->csr && !o->issue) ||
        (c->out && !o->issue && !c->crl) || (!o->issue && (c->client || c->seconds)))
        return false;
    return o->issue ? c->csr && c->out : !c->crl || c->out;
}

int main(int argc, char **argv)
{
    struct err started = crypto_start(CRYPTO_MEMORY_LOCKED);
    struct cmsd_options o = { .daemon = { .config = "/etc/warder/cmsd.conf" } };
    const struct option_row rows[] = {
        DAEMON_OPTIONS(o.daemon),
        { "init", 0, OPTION_FLAG, NULL, "make the CA and exit", &o.command.init },
        { "root-key", 0, OPTION_TEXT, "FILE",
          "with --init: the root's key, made where there is none; an intermediate issues, and FILE "
          "is not needed again",
          &o.command.root_key },
        { "import", 0, OPTION_TEXT, "FILE",
          "take an enterprise's CA and exit: its certificate and those above it, PEM",
          &o.command.import },
        { "key", 0, OPTION_TEXT, "FILE", "with --import: its key, PEM, mode 0600", &o.command.key },
        { "crl", 0, OPTION_FLAG, NULL, "write the revocation list to --out FILE and exit",
          &o.command.crl },
        { "issue", 0, OPTION_FLAG, NULL,
          "sign one request with the CA's key here and exit: for the first certificates",
          &o.issue },
        { "csr", 0, OPTION_TEXT, "FILE", "with --issue: the request, PEM", &o.command.csr },
        { "out", 0, OPTION_TEXT, "FILE", "with --issue and --crl: where it goes", &o.command.out },
        { "client", 0, OPTION_FLAG, NULL, "with --issue: a certificate for TLS clients only",
          &o.command.client },
        { "seconds", 0, OPTION_NUMBER, "N", "with --issue: life of the certificate",
          &o.command.seconds },
        { "tls-cert-sha384", 0, OPTION_FLAG, NULL,
          "print the SHA-384 of this service's TLS certificate and exit", &o.command.tls_digest },
        { 0 },
    };
    const struct command_help help = {
        "cmsd", "", "the certification authority of a Warder installation",
        "Exit status: 0 stopped or done, 1 failure, 2 wrong usage."
    };
    int status = daemon_begin(argc, argv, rows, &help, started);

    if (status >= 0)
        return status;
    if (!usage_good(&o)) {
        fprintf(stderr,
                "cmsd: one of --init [--root-key FILE], --import FILE [--key FILE], "
                "--tls-cert-sha384, --crl --out FILE, --issue --csr FILE --out FILE [--client] "
                "[--seconds N], or none to serve\n");
        return EXIT_USAGE;
    }
    return configured(&o);
}
