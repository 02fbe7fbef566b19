// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration files of a development system. One template a file: @DIR@ is the system's
 * folder, @KBS@ and the like are ports, @AGENT@ and @MODULE@ are paths of ours.
 */
#include "cli/dev.h"

#include <pwd.h>

#include "base/file.h"

#define TEXT_MAX (16U << 10)

static const struct template
{
    const char *file;
    mode_t mode;
    const char *text;
}
templates[] = {
    { "etc/cmsd.conf", 0600,
      "[server]\naddress = 127.0.0.1\nport = @CMS@\ncertificate = @DIR@/etc/tls/cmsd.pem\nkey = "
      "@DIR@/etc/tls/cmsd.key\n"
      "[store]\nfolder = @DIR@/var/cmsd\n[ca]\ncertificate = @DIR@/etc/tls/ca.pem\n"
      "[token]\naas_jwks = @DIR@/etc/keys/aas-jwks.json\n" },
    { "etc/aasd.conf", 0600,
      "[server]\naddress = 127.0.0.1\nport = @AAS@\ncertificate = @DIR@/etc/tls/aasd.pem\nkey = "
      "@DIR@/etc/tls/aasd.key\n"
      "[store]\nfolder = @DIR@/var/aasd\n"
      "[token]\njwks_file = @DIR@/etc/keys/aas-jwks.json\nminutes = 720\n" },
    { "etc/attestd.conf", 0600,
      "[tls]\ncrl = @DIR@/etc/tls/crl.der\ncertificate = @DIR@/etc/tls/attestd.pem\nkey = "
      "@DIR@/etc/tls/attestd.key\n"
      "[tcs]\nenabled = yes\naddress = 127.0.0.1\nport = @TCS@\nstore = "
      "sqlite:@DIR@/var/attestd/tcs.db\n"
      "upstream = http://127.0.0.1:@PCS@\nupstream_plain_loopback = yes\n"
      "upstream_root_crl = http://127.0.0.1:@PCS@/IntelSGXRootCA.der\n"
      "upstream_kds = http://127.0.0.1:@PCS@\n"
      "archive_key = @DIR@/var/attestd/archive.key\n"
      "archive_jwks_file = @DIR@/etc/keys/archive-jwks.json\n"
      "archive_signers = @DIR@/etc/keys/archive-jwks.json\n"
      "[qvs]\nenabled = yes\naddress = 127.0.0.1\nport = @QVS@\n"
      "[as]\nenabled = yes\naddress = 127.0.0.1\nport = @AS@\nstore = "
      "sqlite:@DIR@/var/attestd/as.db\n"
      "nonce_store = sqlite:@DIR@/var/attestd/nonces.db\n"
      "deny_store = sqlite:@DIR@/var/attestd/deny.db\n"
      "evidence_store = sqlite:@DIR@/var/attestd/evidence.db\n"
      "signing_key = @DIR@/var/attestd/token.key\njwks_file = @DIR@/etc/keys/as-jwks.json\n"
      "aas_jwks = @DIR@/etc/keys/aas-jwks.json\n"
      "[verify]\nroot = @ROOT@\n@ENROLLED@" },
    { "etc/kbsd.conf", 0600,
      "[server]\naddress = 127.0.0.1\nport = @KBS@\ncertificate = @DIR@/etc/tls/kbsd.pem\nkey = "
      "@DIR@/etc/tls/kbsd.key\n"
      "endpoint_url = https://localhost:@KBS@/kbs/v1\ncrl = @DIR@/etc/tls/crl.der\n"
      "[keyd]\nsocket = @DIR@/run/keyd.sock\n"
      "[attestation]\nurl = https://localhost:@AS@\nca = @DIR@/etc/tls/ca.pem\n" },
    { "etc/cli.conf", 0600,
      "[services]\nkbs = https://localhost:@KBS@\naas = https://localhost:@AAS@\ncms = "
      "https://localhost:@CMS@\n"
      "as = https://localhost:@AS@\nqvs = https://localhost:@QVS@\ntcs = https://localhost:@TCS@\n"
      "[tls]\nca = @DIR@/etc/tls/ca.pem\ncrl = @DIR@/etc/tls/crl.der\n[login]\ntoken_file = "
      "@DIR@/etc/cli.token\nusername = "
      "admin\n" },
    { "etc/skc-agent.conf", 0600,
      "[agent]\nsocket = @DIR@/run/agent.sock\nkeys_file = @DIR@/etc/keys.txt\npid_file = "
      "@DIR@/run/skc-agent.pid\n"
      "allow_users = @WORKERS@\n"
      "[kbs]\nskc_library = @DIR@/etc/skc_library.conf\nca_file = @DIR@/etc/tls/ca.pem\n"
      "crl = @DIR@/etc/tls/crl.der\nrelease_keys = @DIR@/etc/keys/release-jwks.json\n"
      "[evidence]\nattester = @ATTESTER@\ntsm_path = @DIR@/run/tsm/report\nevidence_socket = "
      "@DIR@/run/evidence.sock\n@MACHINE@" },
    { "etc/pkcs11.conf", 0644,
      "[module]\nagent_socket = @DIR@/run/agent.sock\nagent_start = @AGENT@\nagent_config = "
      "@DIR@/etc/skc-agent.conf\n"
      "agent_log = @DIR@/log/skc-agent.log\n" },
    { "etc/keys.txt", 0600,
      "# One line a key: pkcs11:token=KMS;id=<Key "
      "ID>;object=RSAKEY;type=private;pin-value=1234\n" },
    { "etc/openssl-pkcs11.cnf", 0644,
      "openssl_conf = openssl_def\n[openssl_def]\nengines = "
      "engine_section\n[engine_section]\npkcs11 = pkcs11_section\n"
      "[pkcs11_section]\nengine_id = pkcs11\ndynamic_path = @ENGINE@\nMODULE_PATH = @MODULE@\ninit "
      "= 1\n" },
};

static const struct {
    const char *name;
    enum dev_port port;
} port_names[] = { { "TCS", DEV_TCS }, { "QVS", DEV_QVS },    { "AS", DEV_AS },
                   { "KBS", DEV_KBS }, { "AAS", DEV_AAS },    { "CMS", DEV_CMS },
                   { "PCS", DEV_PCS }, { "VAULT", DEV_VAULT } };

/* The engine where Debian's multiarch folders have it. */
const char *dev_engine_path(void)
{
    static const char *const places[] = { "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so",
                                          "/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so",
                                          "/usr/lib64/engines-3/pkcs11.so" };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return places[0];
}

fallible dev_module_path(const struct dev *d, char out[1024])
{
    static const char *const places[] = { "../pkcs11", "../lib", "../lib/x86_64-linux-gnu" };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        snprintf(out, 1024, "%s/%s/libpkcs11-api.so", d->bin, places[i]);
        if (access(out, R_OK) == 0)
            return OK;
    }
    return FAIL(ABSENT,
                "libpkcs11-api.so is neither installed beside warder nor in its build tree");
}

/* The users that web servers' workers become: they may use the agent's keys. */
void dev_add_workers(struct buf *out)
{
    static const char *const users[] = { "nobody", "www-data", "nginx" };
    const char *between = "";

    for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
        const struct passwd *user = getpwnam(users[i]);
        if (!user)
            continue;
        buf_addf(out, "%s%u", between, (unsigned)user->pw_uid);
        between = ", ";
    }
}

static fallible add_value(const struct dev *d, struct buf *out, struct span name)
{
    char path[1024];

    for (size_t i = 0; i < sizeof(port_names) / sizeof(*port_names); i++)
        if (span_equal_str(name, port_names[i].name)) {
            buf_addf(out, "%u", dev_port(d, port_names[i].port));
            return OK;
        }
    if (span_equal_str(name, "DIR")) {
        buf_add_str(out, d->dir);
        return OK;
    }
    if (span_equal_str(name, "ATTESTER")) {
        buf_add_str(out, dev_is_tpm(d) ? "tpm" : d->mount ? "tsm" : "socket");
        return OK;
    }
    if (span_equal_str(name, "ENROLLED")) {
        if (dev_is_tpm(d))
            buf_addf(out, "tpm_enrolled = %s/etc/tpm-enrolled.json\n", d->dir);
        return OK;
    }
    if (span_equal_str(name, "MACHINE")) {
        if (dev_is_tpm(d))
            buf_addf(out, "tpm = swtpm:host=127.0.0.1,port=%u " DEV_TPM_KEY "\n",
                     dev_port(d, DEV_TPM));
        return OK;
    }
    if (span_equal_str(name, "ROOT")) {
        buf_addf(out, "%s/var/teesim/pki/root_ca.pem", d->dir);
        if (!strncmp(d->tee, "snp", 3))
            buf_addf(out, " %s/var/teesim/pki/snp_root_ca.pem", d->dir);
        return OK;
    }
    if (span_equal_str(name, "WORKERS")) {
        dev_add_workers(out);
        return OK;
    }
    if (span_equal_str(name, "SOFTHSM")) {
        buf_add_str(out, dev_softhsm());
        return OK;
    }
    if (span_equal_str(name, "ENGINE")) {
        buf_add_str(out, dev_engine_path());
        return OK;
    }
    if (span_equal_str(name, "MODULE"))
        TRY(dev_module_path(d, path));
    else
        TRY(dev_program(d, "skc-agent", path));
    buf_add_str(out, path);
    return OK;
}

static fallible expand(const struct dev *d, const char *text, struct buf *out)
{
    struct span rest = span_str(text);

    while (rest.len) {
        size_t at = span_find(rest, SPAN("@"));
        buf_add(out, span_head(rest, at));
        if (at == rest.len)
            break;
        rest = span_tail(rest, at + 1);
        size_t end = span_find(rest, SPAN("@"));
        TRY(add_value(d, out, span_head(rest, end)));
        rest = span_tail(rest, end + 1);
    }
    return buf_check(out);
}

static const struct {
    const char *keys, *text;
} managers[] = {
    { "embedded", "[keys]\nmanager = embedded\n" },
    { "vault", "[keys]\nmanager = vault\ncrl = @DIR@/etc/tls/crl.der\n[vault]\nurl = "
               "https://127.0.0.1:@VAULT@\nca = "
               "@DIR@/etc/tls/ca.pem\n"
               "token_file = @DIR@/etc/vault.token\nmount = keybroker\n" },
    { "kmip", "[keys]\nmanager = kmip\ncrl = @DIR@/etc/tls/crl.der\n[kmip]\nhost = 127.0.0.1\nport "
              "= @VAULT@\nca = "
              "@DIR@/etc/tls/ca.pem\n"
              "certificate = @DIR@/etc/tls/keyd.pem\nkey = @DIR@/etc/tls/keyd.key\n" },
    { "pkcs11",
      "[keys]\nmanager = pkcs11\n[pkcs11]\nmodule = @SOFTHSM@\ntoken = pkcs11:token=warder-dev\n"
      "pin_file = @DIR@/etc/hsm.pin\nfiles = @DIR@/var/softhsm @DIR@/etc/softhsm2.conf\n"
      "environment = SOFTHSM2_CONF=@DIR@/etc/softhsm2.conf\n" },
};

static fallible write_keyd(const struct dev *d)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);

    TRY(expand(
        d,
        "[keyd]\nsocket = @DIR@/run/keyd.sock\nfolder = @DIR@/var/keyd\n"
        "[tokens]\naas_jwks = @DIR@/etc/keys/aas-jwks.json\nas_jwks = @DIR@/etc/keys/as-jwks.json\n"
        "[release]\njwks_file = @DIR@/etc/keys/release-jwks.json\n",
        &text));
    for (size_t i = 0; i < sizeof(managers) / sizeof(*managers); i++)
        if (!strcmp(managers[i].keys, d->keys))
            TRY(expand(d, managers[i].text, &text));
    return dev_write(d, "etc/keyd.conf", buf_span(&text), 0600);
}

fallible dev_write_configs(const struct dev *d)
{
    for (size_t i = 0; i < sizeof(templates) / sizeof(*templates); i++) {
        struct buf text owned(buf_done) = buf_of(TEXT_MAX);
        char path[1024];
        if (!strcmp(templates[i].file, "etc/keys.txt") &&
            file_exists(dev_path(d, path, "%s", templates[i].file)))
            continue; /* the user's own lines stay */
        TRY(expand(d, templates[i].text, &text));
        TRY(dev_write(d, templates[i].file, buf_span(&text), templates[i].mode));
    }
    return write_keyd(d);
}
