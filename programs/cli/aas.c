// SPDX-License-Identifier: Apache-2.0
/* warder aas: an authentication service of its own under a folder, set up from an authservice.env.
 */
#include <unistd.h>

#include "base/file.h"
#include "cli/aas_env.h"
#include "cli/populate.h"
#include "cli/service.h"
#include "cli/service_tls.h"

#define TEXT_MAX (16U << 10)

static const char *const programs[] = { "aasd" };
static const char *const folders[] = { "etc/tls", "etc/keys", "var/aasd", "run", "log", NULL };
static const struct local_service service = { "aas", "authentication service", "/opt/aas", programs,
                                              1 };

static void add_number(struct buf *text, const char *name, uint64_t value)
{
    if (value)
        buf_addf(text, "%s = %u\n", name, (unsigned)value);
}

static fallible write_config(const struct dev *d, const struct aas_env *e, const char *address)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);

    buf_addf(&text,
             "[server]\naddress = %s\nport = %u\ncertificate = %s/etc/tls/aasd.pem\n"
             "key = %s/etc/tls/aasd.key\n[store]\nfolder = %s/var/aasd\n"
             "[token]\njwks_file = %s/etc/keys/aas-jwks.json\n",
             address, e->port, d->dir, d->dir, d->dir, d->dir);
    add_number(&text, "minutes", e->token_minutes);
    buf_add_str(&text, "[login]\n");
    add_number(&text, "attempts", e->attempts);
    add_number(&text, "window_seconds", e->window_minutes * 60);
    add_number(&text, "lockout_seconds", e->lockout_minutes * 60);
    TRY(buf_check(&text));
    return dev_write(d, "etc/aasd.conf", buf_span(&text), 0600);
}

/* aasd takes the password from a file, which is there for that moment only. */
static fallible make_administrator(const struct dev *d, const struct aas_env *e)
{
    char aasd[1024], config[1024], password[1024];

    TRY(dev_program(d, "aasd", aasd));
    unlink(dev_path(d, password, "etc/administrator.password"));
    TRY(secret_save(password, e->password));
    struct err bad =
        dev_run(d,
                (const char *const[]){ aasd, "--config", dev_path(d, config, "etc/aasd.conf"),
                                       "--init-admin", e->administrator, "--password-file",
                                       password, NULL },
                NULL);
    unlink(password);
    return bad;
}

static int fetch(const struct dev *d, const struct aas_env *e)
{
    const struct service_certificate certificate = { "aasd", e->cms_url, e->common_name,
                                                     e->san_list, e->bearer };
    struct http_client *http owned(http_client_free) = NULL;

    int rc =
        service_fetch_ca(d, e->cms_url, e->cms_sha384.at, "CMS_TLS_CERT_SHA384", "etc/tls/ca.pem");
    if (!rc)
        rc = service_client(d, &http);
    return rc ? rc : service_fetch_certificate(d, http, &certificate);
}

static int run_setup(struct dev *d, const struct aas_env *e, const char *address, bool start_it)
{
    int rc = fetch(d, e);
    if (rc)
        return rc;
    service_stop(&service, d);
    struct err bad = write_config(d, e, address);
    if (!failed(bad))
        bad = make_administrator(d, e);
    if (!failed(bad) && start_it)
        bad = service_restart(&service, d, "aasd", address, e->port);
    if (failed(bad))
        return print_failure(bad, d->dir, "DIR/log has what its programs said");
    dev_say(d, "Administrator: %s. CMS believes its tokens after: warder cms trust-aas",
            e->administrator);
    return service_report(&service, d, start_it, e->port);
}

static int setup(int argc, char **argv)
{
    struct aas_env env owned(aas_env_done) = { 0 };
    struct dev d = { 0 };
    struct service_setup given = { .env_help = "the authservice.env, mode 0600",
                                   .dir_help = "folder of the service (default /opt/aas)" };
    const struct command_help help = {
        "warder aas setup", "",
        "set up an authentication service from an authservice.env, and start it",
        "Checks CMS's certificate by CMS_TLS_CERT_SHA384, gets the CA and, with BEARER_TOKEN "
        "(warder\n"
        "cms authtoken), a TLS certificate, and makes the administrator. It can be run again."
    };
    int rc;

    if (!service_setup_options(&service, argc, argv, &help, &d, &given, &rc))
        return rc;
    rc = aas_env_load(given.env, &env);
    if (rc)
        return rc;
    struct err e = service_place(&d, given.dir, folders);
    return failed(e) ? print_failure(e, given.dir, "say where it shall be with --dir")
                     : run_setup(&d, &env, given.address, !given.no_start);
}

static int start(int argc, char **argv)
{
    return service_verb_start(&service, argc, argv);
}

static int stop(int argc, char **argv)
{
    return service_verb_stop(&service, argc, argv);
}

static int status(int argc, char **argv)
{
    return service_verb_status(&service, argc, argv);
}

int cli_aas(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "setup", setup, "from an authservice.env" },
        { "start", start, "start it" },
        { "stop", stop, "stop it" },
        { "status", status, "whether it runs" },
        { "populate", aas_populate, "users and roles from a populate-users.env" },
        { "skc-user", aas_skc_user, "a workload's user from a create_roles.conf" },
        { 0 }
    };
    return verb_dispatch("warder aas", "an authentication service on this machine", verbs, argc,
                         argv);
}
