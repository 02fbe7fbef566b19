// SPDX-License-Identifier: Apache-2.0
/* warder cms: the verbs. */
#include "cli/cms_setup.h"

#include "base/file.h"
#include "base/hex.h"
#include "cli/service.h"
#include "crypto/secret.h"
#include "crypto/x509.h"

static const char *const programs[] = { "cmsd" };
static const char *const folders[] = { "etc/tls", "etc/keys", "var", "run", "log", NULL };
static const struct local_service authority = { "cms", "certification authority", "/opt/cms",
                                                programs, 1 };

static int run_setup(struct dev *d, const struct cms_env *e, const char *address, bool start_it)
{
    service_stop(&authority, d); /* it and cmsd --issue would write the register together */
    struct err bad = cms_prepare(d, e, address);
    if (!failed(bad) && start_it)
        bad = service_restart(&authority, d, "cmsd", address, e->port);
    if (failed(bad))
        return print_failure(bad, d->dir, "DIR/log/dev.log has what its programs said");
    dev_say(d,
            "CMS_TLS_CERT_SHA384 of the other services: warder cms tlscertsha384 --dir %s\n"
            "BEARER_TOKEN of AAS: warder cms authtoken --dir %s\n"
            "When AAS runs: warder cms trust-aas --dir %s",
            d->dir, d->dir, d->dir);
    return service_report(&authority, d, start_it, e->port);
}

static int setup(int argc, char **argv)
{
    struct cms_env env owned(cms_env_done) = { 0 };
    struct dev d = { 0 };
    struct service_setup given = { .env_help = "the cms.env, mode 0600",
                                   .dir_help = "folder of the authority (default /opt/cms)" };
    const struct command_help help = {
        "warder cms setup", "", "set up a certification authority from a cms.env, and start it",
        "Makes the root CA where there is none, and CMS's own certificate for SAN_LIST. It can be\n"
        "run again: the CA stays."
    };
    int rc;

    if (!service_setup_options(&authority, argc, argv, &help, &d, &given, &rc))
        return rc;
    rc = cms_env_load(given.env, &env);
    if (rc)
        return rc;
    struct err e = service_place(&d, given.dir, folders);
    return failed(e) ? print_failure(e, given.dir, "say where it shall be with --dir")
                     : run_setup(&d, &env, given.address, !given.no_start);
}

static int start(int argc, char **argv)
{
    return service_verb_start(&authority, argc, argv);
}

static int stop(int argc, char **argv)
{
    return service_verb_stop(&authority, argc, argv);
}

static int status(int argc, char **argv)
{
    return service_verb_status(&authority, argc, argv);
}

static fallible tls_digest(const struct dev *d, char text[2 * SHA384_SIZE + 1])
{
    struct buf pem owned(buf_done) = buf_of(256U << 10);
    struct chain chain owned(chain_done) = { 0 };
    uint8_t digest[SHA384_SIZE];
    char path[1024];

    TRY(file_read(dev_path(d, path, "etc/tls/cmsd.pem"), &pem));
    TRY(chain_from_pem(buf_span(&pem), &chain));
    TRY(digest_of(DIGEST_SHA384, cert_der(chain.certs[0]), digest));
    hex_str(SPAN_OF(digest), text);
    return OK;
}

/* One word as the answer, or {"NAME": word}. */
static int answer(const struct dev *d, const char *name, const char *word)
{
    if (!d->json) {
        puts(word);
        return EXIT_OK;
    }
    json_t *out owned(json_free) = json_object();
    json_set_str(out, name, word);
    print_json(out);
    return EXIT_OK;
}

static int tlscertsha384(int argc, char **argv)
{
    const struct command_help help = { "warder cms tlscertsha384", "",
                                       "print what others have as CMS_TLS_CERT_SHA384", NULL };
    char text[2 * SHA384_SIZE + 1];
    struct dev d = { 0 };
    int rc;

    if (!service_folder(&authority, argc, argv, &help, NULL, &d, &rc))
        return rc;
    struct err e = tls_digest(&d, text);
    return failed(e) ? print_failure(e, "CMS's certificate", "'warder cms setup' makes it")
                     : answer(&d, "sha384", text);
}

static int authtoken(int argc, char **argv)
{
    const struct command_help help = { "warder cms authtoken", "", "print AAS's BEARER_TOKEN",
                                       "It gets a certificate for AAS_TLS_CN and AAS_TLS_SAN "
                                       "within TOKEN_DURATION_MINS, and ends\n"
                                       "with 'warder cms trust-aas'." };
    struct cms_env env owned(cms_env_done) = { 0 };
    struct buf token owned(buf_done) = buf_of(16U << 10);
    struct dev d = { 0 };
    char path[1024];
    int rc;

    if (!service_folder(&authority, argc, argv, &help, NULL, &d, &rc))
        return rc;
    rc = cms_env_load(dev_path(&d, path, "etc/cms.env"), &env);
    if (rc)
        return rc;
    struct err e = cms_first_token(&d, &env, &token);
    rc = failed(e) ? print_failure(e, "the first token", "'warder cms setup' sets it up")
                   : answer(&d, "token", buf_str(&token));
    wipe(token.at, token.len);
    return rc;
}

static int trust_aas(int argc, char **argv)
{
    const struct command_help help = {
        "warder cms trust-aas", "", "believe the tokens of the AAS at AAS_API_URL, and only those",
        "AAS is known by the certificate that it has from this CMS."
    };
    struct cms_env env owned(cms_env_done) = { 0 };
    struct dev d = { 0 };
    char path[1024];
    int rc;

    if (!service_folder(&authority, argc, argv, &help, NULL, &d, &rc))
        return rc;
    rc = cms_env_load(dev_path(&d, path, "etc/cms.env"), &env);
    if (!rc)
        rc = cms_trust_aas(&d, &env);
    if (!rc && d.json)
        puts("{}");
    return rc;
}

int cli_cms(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "setup", setup, "from a cms.env" },
        { "start", start, "start it" },
        { "stop", stop, "stop it" },
        { "status", status, "whether it runs" },
        { "tlscertsha384", tlscertsha384, "CMS_TLS_CERT_SHA384 of the other services" },
        { "authtoken", authtoken, "AAS's BEARER_TOKEN" },
        { "trust-aas", trust_aas, "believe the AAS that runs now" },
        { 0 }
    };
    return verb_dispatch("warder cms", "a certification authority on this machine", verbs, argc,
                         argv);
}
