// SPDX-License-Identifier: Apache-2.0
/* Certificates, the administrator, the workload's user and their tokens in a development system. */
#include "cli/dev.h"

#include "base/base64.h"
#include "base/file.h"
#include "cli/aas_admin.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/x509.h"

#define LOOK_SECONDS 3 /* how often the certificates are looked at, at most */
#define LOOKS_A_LIFE 20
#define PASSWORD_BYTES 24
#define ADMINISTRATOR "admin"
#define WORKLOAD "skcuser"

static fallible make_certificate(const struct dev *d, const char *name)
{
    static const char *const names[] = { "localhost", "127.0.0.1", NULL };
    char key_path[1024], csr_path[1024], out_path[1024], config[1024], cmsd[1024], seconds[24];
    struct key *k owned(key_free) = NULL;
    struct buf csr owned(buf_done) = buf_of(16U << 10);

    dev_path(d, out_path, "etc/tls/%s.pem", name);
    if (file_exists(out_path))
        return OK;
    TRY(key_make_ec(KEY_P256, &k));
    unlink(dev_path(d, key_path, "etc/tls/%s.key", name));
    TRY(key_save(key_path, k));
    TRY(csr_make(k, name, names, &csr));
    TRY(file_write(dev_path(d, csr_path, "var/dev/%s.csr", name), buf_span(&csr), 0600));
    TRY(dev_program(d, "cmsd", cmsd));
    snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)d->certificate_seconds);
    return dev_run(d,
                   (const char *const[]){ cmsd, "--config", dev_path(d, config, "etc/cmsd.conf"),
                                          "--issue", "--csr", csr_path, "--out", out_path,
                                          "--seconds", seconds, NULL },
                   NULL);
}

fallible dev_start_certificates(const struct dev *d)
{
    char warder[1024], folder[1024], crl[1024], config[1024], life[24], poll[24];
    uint64_t look = d->certificate_seconds / LOOKS_A_LIFE;

    snprintf(life, sizeof(life), "%llu", (unsigned long long)d->certificate_seconds);
    snprintf(poll, sizeof(poll), "%u", look && look < LOOK_SECONDS ? (unsigned)look : LOOK_SECONDS);
    TRY(dev_program(d, "warder", warder));
    return dev_spawn(d, "certificates",
                     (const char *const[]){ warder, "certificate", "keep",
                                            dev_path(d, folder, "etc/tls"), "--crl",
                                            dev_path(d, crl, "etc/tls/crl.der"), "--config",
                                            dev_path(d, config, "etc/cli.conf"), "--life", life,
                                            "--poll", poll, NULL });
}

fallible dev_make_certificates(const struct dev *d)
{
    static const char *const holders[] = { "cmsd",    "aasd",   "attestd", "kbsd",
                                           "openbao", "pykmip", "keyd" };
    char cmsd[1024], config[1024], ca[1024], crl[1024];

    TRY(dev_program(d, "cmsd", cmsd));
    dev_path(d, config, "etc/cmsd.conf");
    if (!file_exists(dev_path(d, ca, "etc/tls/ca.pem")))
        TRY(dev_run(d, (const char *const[]){ cmsd, "--config", config, "--init", NULL }, NULL));
    for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++)
        TRY(make_certificate(d, holders[i]));
    return dev_run(d,
                   (const char *const[]){ cmsd, "--config", config, "--crl", "--out",
                                          dev_path(d, crl, "etc/tls/crl.der"), NULL },
                   NULL);
}

/* A random password in a file of mode 0600; kept when the system was made before. */
static fallible make_password(const struct dev *d, const char *user)
{
    char path[1024];
    uint8_t random[PASSWORD_BYTES];
    struct buf text owned(buf_done) = buf_of(64);

    if (file_exists(dev_path(d, path, "var/dev/%s.password", user)))
        return OK;
    TRY(random_fill(random, sizeof(random)));
    base64url_add(&text, SPAN_OF(random));
    struct err e = buf_check(&text);
    if (!failed(e))
        e = file_create(path, buf_span(&text), 0600);
    wipe(random, sizeof(random));
    wipe(text.at, text.len);
    return e;
}

fallible dev_make_administrator(const struct dev *d)
{
    char aasd[1024], config[1024], done[1024], password[1024];

    TRY(make_password(d, ADMINISTRATOR));
    TRY(make_password(d, WORKLOAD));
    if (file_exists(dev_path(d, done, "var/dev/administrator")))
        return OK;
    TRY(dev_program(d, "aasd", aasd));
    TRY(dev_run(d,
                (const char *const[]){ aasd, "--config", dev_path(d, config, "etc/aasd.conf"),
                                       "--init-admin", ADMINISTRATOR, "--password-file",
                                       dev_path(d, password, "var/dev/" ADMINISTRATOR ".password"),
                                       NULL },
                NULL));
    return file_write(done, SPAN(ADMINISTRATOR "\n"), 0600);
}

/* As a user whose password is in a file here; a failure has been told. */
static fallible log_in(const struct dev *d, struct aas_admin *a, const char *user,
                       struct secret **token)
{
    char path[1024];
    struct secret *password owned(secret_free) = NULL;

    TRY(secret_load(dev_path(d, path, "var/dev/%s.password", user), &password));
    return aas_token_of(a, user, password, path, token)
               ? FAIL(DENIED, "aasd refused a step of the set-up")
               : OK;
}

static fallible log_in_as_administrator(const struct dev *d, struct aas_admin *a)
{
    struct secret *token owned(secret_free) = NULL;

    TRY(log_in(d, a, ADMINISTRATOR, &token));
    secret_free(a->token);
    a->token = TAKE(token);
    struct span text = secret_expose(a->token);
    return dev_write(d, "etc/cli.token", span_head(text, text.len - 1), 0600);
}

/* The agent's side in the seed system's form. It holds the workload's token: mode 0600. */
static fallible write_skc_library(const struct dev *d, struct span token)
{
    struct buf text owned(buf_done) = buf_of(8192);
    unsigned cms = dev_port(d, DEV_CMS);

    buf_addf(
        &text,
        "KBS_HOSTNAME=localhost\nKBS_IP=127.0.0.1\nKBS_PORT=%u\nCMS_IP=127.0.0.1\nCMS_PORT=%u\n",
        dev_port(d, DEV_KBS), cms);
    buf_addf(&text,
             "CSP_SCS_IP=127.0.0.1\nCSP_SCS_PORT=%u\nCSP_CMS_IP=127.0.0.1\nCSP_CMS_PORT=%u\nSKC_"
             "USER=" WORKLOAD "\nSKC_TOKEN=",
             dev_port(d, DEV_TCS), cms);
    buf_add(&text, token);
    buf_add_str(&text, "\n");
    struct err e = buf_check(&text);
    if (!failed(e))
        e = dev_write(d, "etc/skc_library.conf", buf_span(&text), 0600);
    wipe(text.at, text.len);
    return e;
}

static fallible make_all(const struct dev *d, struct aas_admin *a)
{
    static const struct aas_role transfer = {
        "KBS", "KeyTransfer", "permissions=nginx,USA", { 0 }
    };
    static const struct aas_role approver = {
        "CMS", "CertApprover", "CN=localhost;SAN=localhost,127.0.0.1;CERTTYPE=TLS", { 0 }
    };
    char path[1024];
    struct secret *password owned(secret_free) = NULL, *token owned(secret_free) = NULL;

    TRY(log_in_as_administrator(d, a));
    TRY(secret_load(dev_path(d, path, "var/dev/" WORKLOAD ".password"), &password));
    if (aas_have_user(a, WORKLOAD, password) || aas_have_role(a, WORKLOAD, &transfer) ||
        aas_have_role(a, ADMINISTRATOR, &approver))
        return FAIL(DENIED, "aasd refused a step of the set-up");
    TRY(log_in_as_administrator(d, a)); /* with the role that it has now */
    TRY(log_in(d, a, WORKLOAD, &token));
    struct span text = secret_expose(token);
    return write_skc_library(d, span_head(text, text.len - 1));
}

fallible dev_make_users(const struct dev *d)
{
    char ca[1024], url[64];
    struct aas_admin a owned(aas_admin_close) = { 0 };

    snprintf(url, sizeof(url), "https://127.0.0.1:%u/aas/v1", dev_port(d, DEV_AAS));
    if (aas_admin_open(url, dev_path(d, ca, "etc/tls/ca.pem"), &a))
        return FAIL(SYSTEM, "no way to ask aasd");
    return make_all(d, &a);
}
