// SPDX-License-Identifier: Apache-2.0
#include "cli/skc.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include "base/file.h"

#define DIR_DEFAULT "/opt/skc"
#define CMS_PORT 8445
#define PROGRAM_MAX (64U << 20)
#define TEXT_MAX (16U << 10)
#define CA "etc/tls/ca.pem"
#define CSP_CA "etc/tls/csp-ca.pem"

struct deploy {
    struct dev d;
    struct skc_conf conf;
    const char *conf_file, *dir, *ca, *sha384, *csp_ca, *csp_sha384, *attester;
};

/* What nginx's workers, who are others, go through is open to be gone through. */
static fallible make_folders(struct deploy *p)
{
    static const struct {
        const char *name;
        mode_t mode;
    } folders[] = { { "lib", 0755 },      { "bin", 0755 }, { "etc", 0755 }, { "etc/tls", 0755 },
                    { "etc/keys", 0755 }, { "run", 0711 }, { "log", 0700 } };
    char path[1024];

    TRY(file_make_dir(p->dir, 0755));
    TRY(dev_place(&p->d, p->dir));
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        TRY(file_make_dir(dev_path(&p->d, path, "%s", folders[i].name), folders[i].mode));
        if (chmod(path, folders[i].mode)) /* whatever the umask is */
            return FAIL(SYSTEM, "a folder's mode cannot be set: it belongs to somebody else");
    }
    return chmod(p->d.dir, 0755) ? FAIL(SYSTEM, "the folder belongs to somebody else") : OK;
}

static fallible copy_program(const struct dev *d, const char *from, const char *to)
{
    struct buf bytes owned(buf_done) = buf_of(PROGRAM_MAX);

    TRY(file_read(from, &bytes));
    return dev_write(d, to, buf_span(&bytes), 0755);
}

/* The module loads, and is one. */
static fallible check_module(const struct dev *d)
{
    char path[1024];
    void *module = dlopen(dev_path(d, path, "lib/libpkcs11-api.so"), RTLD_NOW | RTLD_LOCAL);

    bool good = module && dlsym(module, "C_GetFunctionList");
    if (module)
        dlclose(module);
    return good ? OK
                : FAIL(SYSTEM, "lib/libpkcs11-api.so cannot be loaded: p11-kit's and OpenSSL's "
                               "libraries are needed on this machine");
}

static fallible install_programs(const struct dev *d)
{
    char from[1024];

    TRY(dev_module_path(d, from));
    TRY(copy_program(d, from, "lib/libpkcs11-api.so"));
    TRY(dev_program(d, "skc-agent", from));
    TRY(copy_program(d, from, "bin/skc-agent"));
    return check_module(d);
}

/* "KIND" or "KIND:PLACE", as settings of [evidence]. */
static fallible add_attester(const char *text, struct buf *out)
{
    static const struct {
        const char *kind, *place;
    } kinds[] = {
        { "tsm", "tsm_path" }, { "socket", "evidence_socket" }, { "tpm", "tpm" }, { "none", NULL }
    };
    struct span all = span_str(text);
    size_t colon = span_find(all, SPAN(":"));

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!span_equal_str(span_head(all, colon), kinds[i].kind))
            continue;
        buf_addf(out, "[evidence]\nattester = %s\n", kinds[i].kind);
        if (colon < all.len && kinds[i].place)
            buf_addf(out, "%s = %s\n", kinds[i].place, text + colon + 1);
        return OK;
    }
    return FAIL(INPUT, "--attester takes tsm, socket:PATH, tpm:DEVICE HANDLE or none");
}

static fallible write_agent(const struct deploy *p)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);
    const char *dir = p->d.dir;

    buf_addf(&text,
             "[agent]\nsocket = %s/run/agent.sock\nkeys_file = %s/etc/keys.txt\n"
             "pid_file = %s/run/skc-agent.pid\nallow_users = ",
             dir, dir, dir);
    dev_add_workers(&text);
    buf_addf(&text,
             "\n[kbs]\nskc_library = %s/etc/skc_library.conf\nca_file = %s/" CA "\n"
             "release_keys = %s/etc/keys/release-jwks.json\n",
             dir, dir, dir);
    TRY(add_attester(p->attester, &text));
    TRY(buf_check(&text));
    return dev_write(&p->d, "etc/skc-agent.conf", buf_span(&text), 0600);
}

static fallible write_text(const struct dev *d, const char *file, const char *format,
                           const char *value)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);
    struct span rest = span_str(format);

    while (rest.len) {
        size_t at = span_find(rest, SPAN("@"));
        buf_add(&text, span_head(rest, at));
        if (at < rest.len)
            buf_add_str(&text, value);
        rest = span_tail(rest, at < rest.len ? at + 1 : at);
    }
    TRY(buf_check(&text));
    return dev_write(d, file, buf_span(&text), 0644);
}

static fallible write_openssl(const struct dev *d)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);

    buf_addf(&text,
             "openssl_conf = openssl_def\n[openssl_def]\nengines = engine_section\n"
             "[engine_section]\npkcs11 = pkcs11_section\n[pkcs11_section]\nengine_id = pkcs11\n"
             "dynamic_path = %s\nMODULE_PATH = %s/lib/libpkcs11-api.so\ninit = 1\n",
             dev_engine_path(), d->dir);
    TRY(buf_check(&text));
    return dev_write(d, "etc/openssl.cnf", buf_span(&text), 0644);
}

/* Where the machine's own quoting looks for its certificates: the cloud's cache. */
static fallible write_qcnl(const struct deploy *p)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);
    const struct skc_conf *c = &p->conf;

    if (!c->csp_scs_ip)
        return OK;
    bool v6 = strchr(c->csp_scs_ip, ':') != NULL;
    buf_addf(&text,
             "{\n  \"pccs_url\": \"https://%s%s%s:%u/sgx/certification/v4/\",\n"
             "  \"use_secure_cert\": true\n}\n",
             v6 ? "[" : "", c->csp_scs_ip, v6 ? "]" : "", c->csp_scs_port ? c->csp_scs_port : 9000);
    TRY(buf_check(&text));
    return dev_write(&p->d, "etc/sgx_default_qcnl.conf", buf_span(&text), 0644);
}

static fallible write_files(const struct deploy *p)
{
    struct secret *conf owned(secret_free) = NULL;
    char path[1024];

    TRY(secret_load(p->conf_file, &conf));
    TRY(dev_write(&p->d, "etc/skc_library.conf", secret_expose(conf), 0600));
    TRY(write_agent(p));
    TRY(write_text(&p->d, "etc/pkcs11.conf",
                   "[module]\nagent_socket = @/run/agent.sock\nagent_start = @/bin/skc-agent\n"
                   "agent_config = @/etc/skc-agent.conf\nagent_log = @/log/skc-agent.log\n",
                   p->d.dir));
    TRY(write_openssl(&p->d));
    TRY(write_qcnl(p));
    if (file_exists(dev_path(&p->d, path, "etc/keys.txt")))
        return OK; /* the user's own lines stay */
    return file_create(path,
                       SPAN("# One line a key: pkcs11:token=KMS;id=<Key ID>;object=RSAKEY;"
                            "type=private;pin-value=1234;\n"),
                       0600);
}

static fallible check_agent(const struct dev *d)
{
    char agent[1024], config[1024];

    return dev_run(d,
                   (const char *const[]){ dev_path(d, agent, "bin/skc-agent"), "--config",
                                          dev_path(d, config, "etc/skc-agent.conf"),
                                          "--check-config", NULL },
                   NULL);
}

/* The CAs of both CMS, and that those who hold their certificates are there. */
static int meet(const struct deploy *p)
{
    const struct skc_conf *c = &p->conf;
    const struct skc_authority own = { c->cms_ip, c->cms_port ? c->cms_port : CMS_PORT,
                                       p->ca,     p->sha384,
                                       "--ca",    "--cms-sha384",
                                       CA };
    const struct skc_authority csp = { c->csp_cms_ip, c->csp_cms_port ? c->csp_cms_port : CMS_PORT,
                                       p->csp_ca,     p->csp_sha384,
                                       "--csp-ca",    "--csp-cms-sha384",
                                       CSP_CA };
    bool two = csp.ip && (strcmp(csp.ip, own.ip) || csp.port != own.port);

    int rc = skc_fetch_ca(&p->d, &own);
    if (!rc)
        rc = skc_check_kbs(&p->d, c, CA);
    if (!rc && two)
        rc = skc_fetch_ca(&p->d, &csp);
    return rc ? rc : skc_check_scs(&p->d, c, two ? CSP_CA : CA);
}

static int load(struct deploy *p)
{
    unsigned line = 0;
    struct err e = skc_conf_load(p->conf_file, &p->conf, &line);

    if (failed(e) && line)
        fprintf(stderr, "warder: %s: line %u\n", p->conf_file, line);
    if (!failed(e) && ((!p->conf.kbs_hostname && !p->conf.kbs_ip) || !p->conf.cms_ip))
        e = FAIL(INPUT, "KBS_HOSTNAME or KBS_IP, and CMS_IP, are needed");
    if (!failed(e) && !p->conf.token)
        e = FAIL(INPUT, "SKC_TOKEN is needed: skc_library_create_roles.sh prints it");
    return failed(e) ? print_failure(e, p->conf_file, NULL) : EXIT_OK;
}

static int run(struct deploy *p)
{
    int rc = load(p);
    if (rc)
        return rc;
    struct buf attester owned(buf_done) = buf_of(TEXT_MAX);
    struct err e = add_attester(p->attester, &attester);
    if (failed(e))
        return print_failure(e, p->attester, NULL);
    e = make_folders(p);
    if (failed(e))
        return print_failure(e, p->dir, "say where it shall be with --dir");
    rc = meet(p);
    if (rc)
        return rc;
    e = install_programs(&p->d);
    if (!failed(e))
        e = write_files(p);
    if (failed(e))
        return print_failure(e, p->d.dir, NULL);
    e = check_agent(&p->d);
    if (failed(e))
        return print_failure(e, "skc-agent --check-config", "DIR/log/dev.log has what it said");
    if (p->d.json) {
        json_t *out owned(json_free) = json_object();
        json_set_str(out, "dir", p->d.dir);
        print_json(out);
    }
    dev_say(&p->d,
            "Module and agent are in %s. Keys: %s/etc/keys.txt; web servers: "
            "OPENSSL_CONF=%s/etc/openssl.cnf",
            p->d.dir, p->d.dir, p->d.dir);
    return EXIT_OK;
}

static int deploy(int argc, char **argv)
{
    struct deploy p = { .dir = DIR_DEFAULT, .attester = "tsm" };
    const char *output = NULL;
    const struct option_row rows[] = {
        { "conf", 0, OPTION_TEXT, "FILE", "the skc_library.conf, mode 0600", &p.conf_file },
        { "dir", 0, OPTION_TEXT, "DIR", "where to (default " DIR_DEFAULT ")", &p.dir },
        { "cms-sha384", 0, OPTION_TEXT, "HEX", "digest of CMS's certificate", &p.sha384 },
        { "ca", 0, OPTION_TEXT, "FILE", "its CA instead, PEM", &p.ca },
        { "csp-cms-sha384", 0, OPTION_TEXT, "HEX",
          "digest of the certificate of the cloud's CMS, where CSP_CMS_* name another",
          &p.csp_sha384 },
        { "csp-ca", 0, OPTION_TEXT, "FILE", "its CA instead, PEM", &p.csp_ca },
        { "attester", 0, OPTION_TEXT, "KIND",
          "how this machine attests: tsm (default), socket:PATH, tpm:TCTI HANDLE, none",
          &p.attester },
        { "quiet", 'q', OPTION_FLAG, NULL, "say nothing while it goes well", &p.d.quiet },
        OUTPUT_OPTION(output),
        { 0 },
    };
    const struct command_help help = {
        "warder skc deploy", "", "put the PKCS#11 module and the agent of a workload in place",
        "Checks that the KBS has its certificate from the CMS of CMS_*, and the SCS from that of\n"
        "CSP_CMS_*, and pins the keys that sign the KBS's answers."
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!p.conf_file) {
        fprintf(stderr, "warder: skc deploy needs --conf FILE\n");
        return EXIT_USAGE;
    }
    if (!output_is_json(output, &p.d.json))
        return EXIT_USAGE;
    rc = run(&p);
    skc_conf_done(&p.conf);
    return rc;
}

int cli_skc(int argc, char **argv)
{
    static const struct verb verbs[] = { { "deploy", deploy, "from a skc_library.conf" }, { 0 } };
    return verb_dispatch("warder skc", "the module and the agent of a workload's machine", verbs,
                         argc, argv);
}
