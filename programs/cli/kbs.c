// SPDX-License-Identifier: Apache-2.0
/* warder kbs: the verbs. */
#include "cli/kbs_setup.h"

#include <limits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/x509.h"
#include "http/client.h"

#define DIR_DEFAULT "/opt/kbs"
#define HEALTH_WAIT_US 15000000

static const char *const programs[] = { "keyd", "kbsd" }; /* in the order of their start */
#define PROGRAMS (sizeof(programs) / sizeof(*programs))

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

static fallible make_folders(struct kbs_setup *s, const char *dir)
{
    static const char *const folders[] = { "etc/tls", "etc/keys", "var/keyd", "run", "log" };
    char path[1024];

    TRY(file_make_dir(dir, 0700));
    TRY(dev_place(&s->d, dir));
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        TRY(file_make_dir(dev_path(&s->d, path, "%s", folders[i]), 0700));
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

static fallible start_both(const struct dev *d)
{
    char program[1024], config[1024], socket[1024];
    pid_t pid;

    for (size_t i = 0; i < PROGRAMS; i++) {
        if (dev_alive(d, programs[i], &pid))
            continue;
        TRY(dev_program(d, programs[i], program));
        TRY(dev_spawn(d, programs[i],
                      (const char *const[]){ program, "--config",
                                             dev_path(d, config, "etc/%s.conf", programs[i]),
                                             NULL }));
        if (!strcmp(programs[i], "keyd"))
            TRY(dev_wait_socket(d, "keyd", dev_path(d, socket, "run/keyd.sock")));
    }
    return OK;
}

static void stop_both(const struct dev *d)
{
    for (size_t i = PROGRAMS; i-- > 0;)
        dev_stop(d, programs[i]);
}

/* Until kbsd, known by the certificate that it was just given, answers on its own address. */
static fallible wait_until_well(const struct kbs_setup *s)
{
    struct http_client *http owned(http_client_free) = NULL;
    struct chain chain owned(chain_done) = { 0 };
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    uint8_t digest[SHA384_SIZE];
    char path[1024], url[512];
    pid_t pid;
    int64_t until = clock_monotonic_us() + HEALTH_WAIT_US;

    TRY(file_read(dev_path(&s->d, path, "etc/tls/kbsd.pem"), &pem));
    TRY(chain_from_pem(buf_span(&pem), &chain));
    TRY(digest_of(DIGEST_SHA384, cert_der(chain.certs[0]), digest));
    TRY(http_client_new(&(struct http_client_config){ .server_sha384 = digest }, &http));
    snprintf(url, sizeof(url), "https://%s:%u/health",
             s->env.server_ip ? s->env.server_ip : "127.0.0.1", s->env.server_port);
    while (clock_monotonic_us() < until) {
        struct http_reply reply owned(http_reply_done) = { 0 };
        struct http_call call = { .method = "GET", .url = url };
        if (!failed(http_send(http, &call, &reply)))
            return OK;
        if (!dev_alive(&s->d, "kbsd", &pid))
            return FAIL(SYSTEM, "kbsd ended at its start; log/kbsd.log says why");
        usleep(20000);
    }
    return FAIL(UPSTREAM, "kbsd does not answer after 15 seconds; log/kbsd.log says why");
}

static int load(struct kbs_setup *s, const char *file)
{
    unsigned line;
    struct err e = kbs_env_load(file, &s->env, &line);

    if (failed(e) && line)
        fprintf(stderr, "warder: %s: line %u\n", file, line);
    if (!failed(e))
        e = kbs_env_key_manager(&s->env, &s->keys);
    return failed(e) ? print_failure(e, file, NULL) : EXIT_OK;
}

static int report(const struct kbs_setup *s, bool started)
{
    if (s->d.json) {
        json_t *out owned(json_free) = json_object();
        json_set_str(out, "dir", s->d.dir);
        json_object_set_new(out, "started", json_boolean(started));
        print_json(out);
    } else if (started) {
        dev_say(&s->d, "The key broker runs on port %u; stop it: warder kbs stop --dir %s",
                s->env.server_port, s->d.dir);
    } else {
        dev_say(&s->d, "Start it: warder kbs start --dir %s", s->d.dir);
    }
    return EXIT_OK;
}

static int run_setup(struct kbs_setup *s, bool start)
{
    int rc = kbs_fetch(s);
    if (rc)
        return rc;
    struct err e = kbs_write_configs(s);
    if (!failed(e) && start) {
        stop_both(&s->d); /* an earlier one has the earlier configuration */
        e = start_both(&s->d);
    }
    if (!failed(e) && start)
        e = wait_until_well(s);
    return failed(e) ? print_failure(e, s->d.dir, NULL) : report(s, start);
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
        struct err e = make_folders(&s, dir);
        rc = failed(e) ? print_failure(e, dir, NULL) : EXIT_OK;
        if (!rc && log_dir && failed(e = place_log(&s, log_dir)))
            rc = print_failure(e, log_dir, "say where to log with --log-dir");
        if (!rc)
            rc = run_setup(&s, !no_start);
    }
    kbs_env_done(&s.env);
    return rc;
}

/* False: over, with the exit status. */
static bool broker_folder(int argc, char **argv, const struct command_help *help, struct dev *d,
                          int *rc)
{
    const char *dir = DIR_DEFAULT, *output = NULL;
    char path[1024];
    const struct option_row rows[] = {
        { "dir", 0, OPTION_TEXT, "DIR", "folder of the key broker (default " DIR_DEFAULT ")",
          &dir },
        OUTPUT_OPTION(output),
        { 0 },
    };

    if (!verb_options(argc, argv, rows, help, 0, NULL, rc))
        return false;
    *rc = EXIT_USAGE;
    if (!output_is_json(output, &d->json))
        return false;
    struct err e = dev_place(d, dir);
    if (!failed(e) && !file_exists(dev_path(d, path, "etc/keyd.conf")))
        e = FAIL(ABSENT, "there is no key broker");
    *rc = failed(e) ? print_failure(e, dir,
                                    "say where it is with --dir; 'warder kbs setup' makes "
                                    "one")
                    : EXIT_OK;
    return *rc == EXIT_OK;
}

static int start(int argc, char **argv)
{
    const struct command_help help = { "warder kbs start", "", "start the key broker", NULL };
    struct dev d = { 0 };
    int rc;

    if (!broker_folder(argc, argv, &help, &d, &rc))
        return rc;
    struct err e = start_both(&d);
    if (!failed(e) && d.json)
        puts("{}");
    return failed(e) ? print_failure(e, d.dir, NULL) : EXIT_OK;
}

static int stop(int argc, char **argv)
{
    const struct command_help help = { "warder kbs stop", "", "stop the key broker", NULL };
    struct dev d = { 0 };
    int rc;

    if (!broker_folder(argc, argv, &help, &d, &rc))
        return rc;
    stop_both(&d);
    if (d.json)
        puts("{}");
    return EXIT_OK;
}

static int status(int argc, char **argv)
{
    const struct command_help help = { "warder kbs status", "", "which of its programs run",
                                       "Exit status: 0 both run, 4 one does not." };
    struct dev d = { 0 };
    int rc;

    return broker_folder(argc, argv, &help, &d, &rc)
               ? dev_print_running(&d, programs, PROGRAMS, NULL)
               : rc;
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
