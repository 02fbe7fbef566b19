// SPDX-License-Identifier: Apache-2.0
/* warder kbs: the verbs. */
#include "cli/kbs_setup.h"

#include <limits.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/service.h"

#define DIR_DEFAULT "/opt/kbs"

static const char *const programs[] = { "keyd", "kbsd" };
static const char *const folders[] = { "etc/tls", "etc/keys", "var/keyd", "run", "log", NULL };
static const struct local_service broker = { "kbs", "key broker", DIR_DEFAULT, programs, 2 };

/* DIR/kbs.log, absolute; the programs make the file. */
static fallible place_log(struct kbs_setup *s, const char *dir)
{
    char full[PATH_MAX];

    TRY(file_make_dir(dir, 0750));
    if (!realpath(dir, full) || strlen(full) > 900)
        return FAIL(SYSTEM, "the folder cannot be found, or its path is too long");
    snprintf(s->log_file, sizeof(s->log_file), "%.900s/kbs.log", full);
    return OK;
}

/* Its attestation service, where none is named, is beside its AAS. */
static void default_attestation(const struct kbs_env *e, char out[512])
{
    struct span host = span_tail(span_str(e->aas_url), strlen("https://"));
    size_t end = 0;

    while (end < host.len && host.at[end] != '/' && (host.at[end] != ':' || host.at[0] == '['))
        end++;
    snprintf(out, 512, "https://%.*s:12001", (int)(end > 300 ? 300 : end), (const char *)host.at);
}

static int load(struct kbs_setup *s, const char *file)
{
    int rc = kbs_env_load(file, &s->env);
    struct err e = rc ? OK : kbs_env_key_manager(&s->env, &s->keys);

    return failed(e) ? print_failure(e, file, NULL) : rc;
}

static int run_setup(struct kbs_setup *s, bool start)
{
    int rc = kbs_fetch(s);
    if (rc)
        return rc;
    struct err e = kbs_write_configs(s);
    if (!failed(e) && start)
        e = service_restart(&broker, &s->d, "kbsd", s->env.server_ip, s->env.server_port);
    return failed(e) ? print_failure(e, s->d.dir, NULL)
                     : service_report(&broker, &s->d, start, s->env.server_port);
}

static int setup(int argc, char **argv)
{
    struct kbs_setup s = { 0 };
    const char *dir = DIR_DEFAULT, *log_dir = NULL, *file = NULL, *output = NULL;
    char attestation[512];
    bool no_start = false;
    const struct option_row rows[] = {
        { "env", 0, OPTION_TEXT, "FILE", "the kbs.env, mode 0600", &file },
        { "dir", 0, OPTION_TEXT, "DIR", "folder of the key broker (default " DIR_DEFAULT ")",
          &dir },
        { "attestation", 0, OPTION_TEXT, "URL",
          "attestation service (default: port 12001 of the host of AAS_API_URL)", &s.attestation },
        { "vault-ca", 0, OPTION_TEXT, "FILE", "CA of Vault's certificate (default: the system's)",
          &s.vault_ca },
        { "vault-plain-http", 0, OPTION_FLAG, NULL, "Vault on a loopback address, without TLS",
          &s.vault_plain },
        { "log-dir", 0, OPTION_TEXT, "DIR",
          "also log to DIR/kbs.log as the original system does, for example /var/log/kbs",
          &log_dir },
        { "no-start", 0, OPTION_FLAG, NULL, "write the files and start nothing", &no_start },
        { "quiet", 'q', OPTION_FLAG, NULL, "say nothing while it goes well", &s.d.quiet },
        OUTPUT_OPTION(output),
        { 0 },
    };
    const struct command_help help = {
        "warder kbs setup", "", "set up a key broker from a kbs.env, and start it",
        "Checks CMS's certificate by CMS_TLS_CERT_SHA384, gets the CA and, with BEARER_TOKEN, a\n"
        "TLS certificate for TLS_COMMON_NAME and TLS_SAN_LIST, pins the public keys of AAS and of\n"
        "the attestation service, and writes DIR/etc/kbsd.conf and DIR/etc/keyd.conf. It can be\n"
        "run again."
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!file) {
        fprintf(stderr, "warder: kbs setup needs --env FILE\n");
        return EXIT_USAGE;
    }
    if (!output_is_json(output, &s.d.json))
        return EXIT_USAGE;
    rc = load(&s, file);
    if (!rc) {
        default_attestation(&s.env, attestation);
        s.attestation = s.attestation ? s.attestation : attestation;
        struct err e = service_place(&s.d, dir, folders);
        rc = failed(e) ? print_failure(e, dir, NULL) : EXIT_OK;
        if (!rc && log_dir && failed(e = place_log(&s, log_dir)))
            rc = print_failure(e, log_dir, "say where to log with --log-dir");
        if (!rc)
            rc = run_setup(&s, !no_start);
    }
    kbs_env_done(&s.env);
    return rc;
}

static int start(int argc, char **argv)
{
    return service_verb_start(&broker, argc, argv);
}

static int stop(int argc, char **argv)
{
    return service_verb_stop(&broker, argc, argv);
}

static int status(int argc, char **argv)
{
    return service_verb_status(&broker, argc, argv);
}

int cli_kbs(int argc, char **argv)
{
    static const struct verb verbs[] = { { "setup", setup, "from a kbs.env" },
                                         { "start", start, "start it" },
                                         { "stop", stop, "stop it" },
                                         { "status", status, "which of its programs run" },
                                         { 0 } };
    return verb_dispatch("warder kbs", "a key broker on this machine", verbs, argc, argv);
}
