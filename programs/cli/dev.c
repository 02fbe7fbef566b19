// SPDX-License-Identifier: Apache-2.0
/* warder dev: the whole system on this machine, loopback only. */
#include "cli/dev.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "http/client.h"

static const uint16_t default_ports[DEV_PORTS] = { 9000, 12000, 12001, 9443, 8444,
                                                   8445, 17080, 8200,  2321 };
#define KMIP_PORT 5696

/* In the order of their start; they stop in the reverse one. */
static const char *const programs[] = { "openbao", "pykmip", "swtpm",        "teesim",
                                        "aasd",    "cmsd",   "certificates", "attestd",
                                        "keyd",    "kbsd",   "skc-agent" };
#define PROGRAMS (sizeof(programs) / sizeof(*programs))

uint16_t dev_port(const struct dev *d, enum dev_port which)
{
    if (d->base)
        return (uint16_t)(d->base + 2 * which); /* Vault takes two */
    return which == DEV_VAULT && d->keys && !strcmp(d->keys, "kmip") ? KMIP_PORT
                                                                     : default_ports[which];
}

static fallible make_folders(const struct dev *d)
{
    static const char *const folders[] = { "etc/tls",  "etc/keys",    "var/dev",  "var/aasd",
                                           "var/cmsd", "var/attestd", "var/keyd", "var/teesim",
                                           "run",      "log" };
    char path[1024];
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        TRY(file_make_dir(dev_path(d, path, "%s", folders[i]), 0700));
    /* nginx's workers, who are nobody, reach the agent's socket through these two; nothing else in
     * them is theirs to read. */
    if (chmod(d->dir, 0711) || chmod(dev_path(d, path, "run"), 0711))
        return FAIL(SYSTEM, "the folder's mode cannot be set: it belongs to somebody else");
    if (d->mount)
        TRY(file_make_dir(dev_path(d, path, "run/tsm"), 0755));
    return OK;
}

static fallible start_daemon(const struct dev *d, const char *name)
{
    char program[1024], config[1024];
    TRY(dev_program(d, name, program));
    return dev_spawn(d, name,
                     (const char *const[]){ program, "--config",
                                            dev_path(d, config, "etc/%s.conf", name), NULL });
}

static fallible start_teesim(const struct dev *d)
{
    char dir[1024], socket[1024], control[1024], mount[1024], port[8];
    const char *argv[DEV_ARGS_MAX] = { d->teesim,    "run",
                                       "--dir",      dev_path(d, dir, "var/teesim"),
                                       "--tee",      dev_is_tpm(d) ? "tdx4" : d->tee,
                                       "--socket",   dev_path(d, socket, "run/evidence.sock"),
                                       "--control",  dev_path(d, control, "run/teesim.sock"),
                                       "--pcs-port", port };
    snprintf(port, sizeof(port), "%u", dev_port(d, DEV_PCS));
    if (d->mount) {
        argv[12] = "--mount";
        argv[13] = dev_path(d, mount, "run/tsm");
    }
    TRY(dev_spawn(d, "teesim", argv));
    TRY(dev_wait_socket(d, "teesim", control));
    return dev_wait_port(d, "teesim", dev_port(d, DEV_PCS));
}

static fallible check_ports(const struct dev *d, const char *name)
{
    static const struct {
        const char *name;
        enum dev_port port;
    } rows[] = { { "openbao", DEV_VAULT }, { "pykmip", DEV_VAULT }, { "teesim", DEV_PCS },
                 { "swtpm", DEV_TPM },     { "aasd", DEV_AAS },     { "cmsd", DEV_CMS },
                 { "attestd", DEV_TCS },   { "attestd", DEV_QVS },  { "attestd", DEV_AS },
                 { "kbsd", DEV_KBS } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (!strcmp(rows[i].name, name))
            TRY(dev_port_free(dev_port(d, rows[i].port)));
    return OK;
}

static fallible start_one(const struct dev *d, const char *name)
{
    char socket[1024];
    pid_t pid;

    if (dev_alive(d, name, &pid))
        return OK;
    if (!strcmp(name, "skc-agent"))
        return OK; /* the PKCS#11 module starts it */
    if ((!strcmp(name, "openbao") && strcmp(d->keys, "vault")) ||
        (!strcmp(name, "pykmip") && strcmp(d->keys, "kmip")) ||
        (!strcmp(name, "swtpm") && !dev_is_tpm(d)))
        return OK;
    dev_say(d, "starting %s", name);
    TRY(check_ports(d, name));
    if (!strcmp(name, "openbao"))
        return dev_start_openbao(d);
    if (!strcmp(name, "pykmip"))
        return dev_start_pykmip(d);
    if (!strcmp(name, "swtpm"))
        return dev_start_tpm(d);
    if (!strcmp(name, "teesim"))
        return start_teesim(d);
    if (!strcmp(name, "certificates"))
        return dev_start_certificates(d);
    if (!strcmp(name, "aasd"))
        TRY(dev_make_administrator(d));
    if (!strcmp(name, "keyd") && !strcmp(d->keys, "pkcs11"))
        TRY(dev_make_token(d));
    TRY(start_daemon(d, name));
    if (!strcmp(name, "keyd"))
        return dev_wait_socket(d, name, dev_path(d, socket, "run/keyd.sock"));
    const enum dev_port port = !strcmp(name, "aasd")   ? DEV_AAS
                               : !strcmp(name, "cmsd") ? DEV_CMS
                               : !strcmp(name, "kbsd") ? DEV_KBS
                                                       : DEV_AS;
    TRY(dev_wait_port(d, name, dev_port(d, port)));
    return strcmp(name, "aasd") ? OK : dev_make_users(d);
}

/* An appraisal policy for the simulator's root, beside the built-in `default`, which refuses it. */
static int add_dev_policy(const struct dev *d)
{
    static const char policy[] =
        "{\"name\":\"dev\",\"policy\":{\"version\":\"1.0.0\",\"anyOf\":[{\"allOf\":["
        "{\"claim\":\"debug\",\"equals\":false},{\"claim\":\"tcb_status\",\"equals\":\"UpToDate\"},"
        "{\"claim\":\"root\",\"in\":[\"vendor\",\"configured\"]}]},{\"allOf\":["
        "{\"claim\":\"tee\",\"equals\":\"snp\"},{\"claim\":\"debug\",\"equals\":false},"
        "{\"claim\":\"firmware_provisional\",\"equals\":false},{\"claim\":\"revocation_checked\","
        "\"equals\":true},"
        "{\"claim\":\"root\",\"in\":[\"vendor\",\"configured\"]}]},{\"allOf\":["
        "{\"claim\":\"tee\",\"equals\":\"tpm\"},{\"claim\":\"ak_trust\",\"equals\":"
        "\"ek_certificate\"}]}]}}";
    char config[1024];
    struct session_options options = { .config = dev_path(d, config, "etc/cli.conf") };
    struct session s owned(session_close) = { 0 };
    json_t *body owned(json_free) = NULL, *answer owned(json_free) = NULL,
                 *known owned(json_free) = NULL;
    size_t i;
    json_t *row;

    int rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_AS, "GET", "/as/v1/policies", NULL, &known);
    if (rc)
        return rc;
    json_array_foreach(
        rows_of(known), i,
        row) if (span_equal_str(span_str(json_string_value(json_object_get(row, "name"))),
                                "dev")) return EXIT_OK;
    struct err e = json_parse(span_str(policy), &body);
    if (failed(e))
        return print_failure(e, "appraisal policy", NULL);
    return session_call(&s, SERVICE_AS, "POST", "/as/v1/policies", body, &answer);
}

static void stop_all(const struct dev *d)
{
    for (size_t i = PROGRAMS; i-- > 0;)
        dev_stop(d, programs[i]);
}

static void print_places(const struct dev *d)
{
    static const struct {
        const char *name, *file;
    } places[] = { { "config", "etc/cli.conf" },
                   { "openssl_conf", "etc/openssl-pkcs11.cnf" },
                   { "module_conf", "etc/pkcs11.conf" },
                   { "keys_file", "etc/keys.txt" } };
    json_t *answer owned(json_free) = json_object();
    char path[1024];

    json_set_str(answer, "dir", d->dir);
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        json_set_str(answer, places[i].name, dev_path(d, path, "%s", places[i].file));
    print_json(answer);
}

static int bring_up(const struct dev *d)
{
    struct err e = make_folders(d);
    if (!failed(e))
        e = dev_write_configs(d);
    if (!failed(e))
        e = dev_make_certificates(d);
    for (size_t i = 0; !failed(e) && i < PROGRAMS; i++) {
        e = start_one(d, programs[i]);
        if (failed(e)) {
            char path[1024];
            int rc = print_failure(e, programs[i], dev_path(d, path, "log/%s.log", programs[i]));
            stop_all(d);
            return rc;
        }
    }
    if (failed(e))
        return print_failure(e, "set-up", "DIR/log/dev.log has what the programs said");
    int rc = add_dev_policy(d);
    if (rc) {
        stop_all(d);
        return rc;
    }
    if (d->json)
        print_places(d);
    dev_say(d,
            "\nThe system is up. Its command line:\n  export WARDER_CONFIG=%s/etc/cli.conf\n  "
            "warder status\n"
            "For nginx and others: OPENSSL_CONF=%s/etc/openssl-pkcs11.cnf "
            "WARDER_MODULE_CONF=%s/etc/pkcs11.conf,\n"
            "keys in %s/etc/keys.txt. Stop it: warder dev down --dir %s",
            d->dir, d->dir, d->dir, d->dir, d->dir);
    return EXIT_OK;
}

/* A folder that holds a system, or nothing: its mode is going to be changed, and files written into
 * it. */
static bool is_ours(const char *dir)
{
    char path[PATH_MAX];
    size_t count = 0;
    DIR *folder = opendir(dir);

    for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry;
         entry = readdir(folder))
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    if (folder)
        closedir(folder);
    return snprintf(path, sizeof(path), "%s/var/dev", dir) < (int)sizeof(path) && folder &&
           (!count || file_exists(path));
}

/* Absolute folder of the system and of this program; only `making` one makes the folder. */
static int locate(struct dev *d, const char *dir, bool making)
{
    struct err e = making ? file_make_dir(dir, 0700) : OK;

    if (!failed(e) && !is_ours(dir))
        e = file_exists(dir) ? FAIL(CONFLICT, "the folder has other things in it")
                             : FAIL(ABSENT, "there is no system");
    if (failed(e))
        return print_failure(e, dir,
                             making ? "choose another folder with --dir"
                                    : "say where it is with --dir; 'warder dev up' makes one");
    e = dev_place(d, dir);
    if (!failed(e))
        return EXIT_OK;
    (void)print_failure(e, dir, NULL);
    return EXIT_USAGE;
}

bool dev_is_tpm(const struct dev *d)
{
    return d->tee && !strcmp(d->tee, "tpm");
}

bool dev_find_in_path(const char *name, char out[1024])
{
    const char *path = options_env("PATH");
    for (struct span rest = span_str(path); rest.len;) {
        size_t len = span_find(rest, SPAN(":"));
        snprintf(out, 1024, "%.*s/%s", (int)len, (const char *)rest.at, name);
        if (access(out, X_OK) == 0)
            return true;
        rest = span_tail(rest, len + 1);
    }
    return false;
}

static int find_peers(struct dev *d, char teesim[1024], char bao[1024], char pykmip[1024])
{
    if (!d->teesim && !failed(dev_program(d, "teesim", teesim)))
        d->teesim = teesim;
    if (!d->teesim) {
        fprintf(
            stderr,
            "warder: there is no teesim to play the TEE; it is in the build tree: --teesim PATH\n");
        return EXIT_ERROR;
    }
    if (!strcmp(d->keys, "vault") && !d->bao && dev_find_in_path("bao", bao))
        d->bao = bao;
    if (!strcmp(d->keys, "vault") && !d->bao) {
        fprintf(
            stderr,
            "warder: no OpenBao server (bao) in the PATH; give --bao PATH or --keys embedded\n");
        return EXIT_ERROR;
    }
    if (!strcmp(d->keys, "kmip") && !d->pykmip && dev_find_in_path("pykmip-server", pykmip))
        d->pykmip = pykmip;
    if (!strcmp(d->keys, "kmip") && !d->pykmip) {
        fprintf(stderr, "warder: no PyKMIP server (pykmip-server) in the PATH; give --pykmip PATH "
                        "or --keys embedded\n");
        return EXIT_ERROR;
    }
    const char *lacking;
    if (dev_is_tpm(d) && dev_tpm_missing(&lacking)) {
        fprintf(stderr,
                "warder: no %s in the PATH: --tee tpm needs swtpm, swtpm-tools and "
                "tpm2-tools\n",
                lacking);
        return EXIT_ERROR;
    }
    if (!strcmp(d->keys, "pkcs11") && !dev_softhsm()) {
        fprintf(
            stderr,
            "warder: SoftHSM (libsofthsm2.so) is not installed; --keys embedded needs nothing\n");
        return EXIT_ERROR;
    }
    return EXIT_OK;
}

static bool keys_known(const char *keys)
{
    static const char *const known[] = { "embedded", "vault", "kmip", "pkcs11" };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (!strcmp(keys, known[i]))
            return true;
    return false;
}

static int dev_up(int argc, char **argv)
{
    struct dev d = { .keys = "embedded", .tee = "tdx4" };
    const char *dir = "warder-dev", *output = NULL;
    uint64_t base = 0;
    bool no_fuse = false;
    const struct option_row rows[] = {
        { "dir", 0, OPTION_TEXT, "DIR", "folder of the system (default ./warder-dev)", &dir },
        { "keys", 0, OPTION_TEXT, "KIND",
          "key manager: embedded (default), vault (an OpenBao server), kmip (PyKMIP), pkcs11 "
          "(SoftHSM)",
          &d.keys },
        { "tee", 0, OPTION_TEXT, "KIND",
          "simulated hardware: tdx4 (default), tdx5, sgx3, snp, or tpm (swtpm)", &d.tee },
        { "ports", 0, OPTION_NUMBER, "N", "first of 18 ports (default: each service's usual one)",
          &base },
        { "teesim", 0, OPTION_TEXT, "PATH", "the simulator", &d.teesim },
        { "bao", 0, OPTION_TEXT, "PATH", "the OpenBao server", &d.bao },
        { "pykmip", 0, OPTION_TEXT, "PATH", "the PyKMIP server", &d.pykmip },
        { "no-fuse", 0, OPTION_FLAG, NULL, "evidence by socket even where /dev/fuse is there",
          &no_fuse },
        { "certificate-seconds", 0, OPTION_NUMBER, "N",
          "life of the certificates, which are renewed (default: a year)", &d.certificate_seconds },
        { "quiet", 'q', OPTION_FLAG, NULL, "say nothing while it goes well", &d.quiet },
        OUTPUT_OPTION(output),
        { 0 },
    };
    const struct command_help help = {
        "warder dev up", "", "start the whole system on this machine, loopback only",
        "Certificates, users and tokens are made at the first start and kept in DIR.\n"
        "What runs already is left alone, so it can be run again. For development: its\n"
        "secrets lie in files of DIR, and its TEE is a simulator."
    };
    char teesim[1024], bao[1024], pykmip[1024];
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!keys_known(d.keys) || base > 65000) {
        fprintf(
            stderr,
            "warder: --keys takes embedded, vault, kmip or pkcs11, --ports a number up to 65000\n");
        return EXIT_USAGE;
    }
    if (!output_is_json(output, &d.json))
        return EXIT_USAGE;
    d.base = (uint16_t)base;
    d.mount = !no_fuse && strcmp(d.tee, "sgx3") && !dev_is_tpm(&d) &&
              access("/dev/fuse", R_OK | W_OK) == 0;
    rc = locate(&d, dir, true);
    if (!rc)
        rc = find_peers(&d, teesim, bao, pykmip);
    return rc ? rc : bring_up(&d);
}

/* False: over, with the exit status. */
static bool dev_folder_option(int argc, char **argv, struct dev *d, const struct command_help *help,
                              int *rc)
{
    const char *dir = "warder-dev", *output = NULL;
    const struct option_row rows[] = {
        { "dir", 0, OPTION_TEXT, "DIR", "folder of the system (default ./warder-dev)", &dir },
        OUTPUT_OPTION(output),
        { 0 },
    };

    if (!verb_options(argc, argv, rows, help, 0, NULL, rc))
        return false;
    *rc = output_is_json(output, &d->json) ? locate(d, dir, false) : EXIT_USAGE;
    return *rc == EXIT_OK;
}

static int dev_down(int argc, char **argv)
{
    const struct command_help help = { "warder dev down", "", "stop the system; its files stay",
                                       NULL };
    struct dev d = { 0 };
    int rc;

    if (!dev_folder_option(argc, argv, &d, &help, &rc))
        return rc;
    stop_all(&d);
    if (d.json)
        puts("{}");
    return EXIT_OK;
}

int dev_print_running(const struct dev *d, const char *const *names, size_t count,
                      const char *const *optional)
{
    json_t *all owned(json_free) = json_array();
    int rc = EXIT_OK;

    for (size_t i = 0; i < count; i++) {
        pid_t pid = 0;
        bool alive = dev_alive(d, names[i], &pid), may_lack = false;
        json_t *row = json_object();
        json_set_str(row, "program", names[i]);
        json_set_str(row, "status", alive ? "running" : "not running");
        if (alive)
            json_set_int(row, "pid", pid);
        json_array_append_new(all, row);
        for (const char *const *o = optional; o && *o; o++)
            may_lack = may_lack || !strcmp(names[i], *o);
        rc = alive || may_lack ? rc : EXIT_UNAVAILABLE;
    }
    if (d->json)
        print_json(all);
    else
        print_table(
            all, (const struct column[]){
                     { "program", "PROGRAM" }, { "status", "STATUS" }, { "pid", "PID" }, { 0 } });
    return rc;
}

static int dev_status(int argc, char **argv)
{
    static const char *const optional[] = { "openbao", "pykmip", "swtpm", "skc-agent", NULL };
    const struct command_help help = { "warder dev status", "", "which programs run",
                                       "Exit status: 0 all run, 4 one does not." };
    struct dev d = { 0 };
    int rc;

    return dev_folder_option(argc, argv, &d, &help, &rc)
               ? dev_print_running(&d, programs, PROGRAMS, optional)
               : rc;
}

int cli_dev(int argc, char **argv)
{
    static const struct verb verbs[] = { { "up", dev_up, "start it" },
                                         { "down", dev_down, "stop it" },
                                         { "status", dev_status, "which programs run" },
                                         { 0 } };
    return verb_dispatch("warder dev", "the whole system on this machine, for development", verbs,
                         argc, argv);
}
