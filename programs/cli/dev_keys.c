// SPDX-License-Identifier: Apache-2.0
/*
 * The KMIP server or the HSM behind keyd in a development system: a PyKMIP server that knows keyd
 * by its certificate, or a SoftHSM token in DIR/var/softhsm. Their keys are as safe as DIR is, for
 * this is a development system.
 */
#include "cli/dev.h"

#include "base/file.h"
#include "crypto/random.h"
#include "crypto/secret.h"

#define PIN_DIGITS 16
#define TOKEN "warder-dev"

fallible dev_start_pykmip(const struct dev *d)
{
    struct buf text owned(buf_done) = buf_of(8192);
    char path[1024], log[1024];

    TRY(file_make_dir(dev_path(d, path, "var/pykmip/policy"), 0700));
    buf_addf(&text,
             "[server]\nhostname=127.0.0.1\nport=%u\ncertificate_path=%s/etc/tls/"
             "pykmip.pem\nkey_path=%s/etc/tls/pykmip.key\n"
             "ca_path=%s/etc/tls/ca.pem\nauth_suite=TLS1.2\npolicy_path=%s/var/pykmip/"
             "policy\nenable_tls_client_auth=True\n"
             "database_path=%s/var/pykmip/keys.db\nlogging_level=WARNING\n",
             dev_port(d, DEV_VAULT), d->dir, d->dir, d->dir, d->dir, d->dir);
    TRY(buf_check(&text));
    TRY(dev_write(d, "etc/pykmip.conf", buf_span(&text), 0600));
    TRY(dev_spawn(d, "pykmip",
                  (const char *const[]){ d->pykmip, "-f", dev_path(d, path, "etc/pykmip.conf"),
                                         "-l", dev_path(d, log, "log/pykmip-server.log"), NULL }));
    return dev_wait_port(d, "pykmip", dev_port(d, DEV_VAULT));
}

const char *dev_softhsm(void)
{
    static const char *const places[] = { "/usr/lib/softhsm/libsofthsm2.so",
                                          "/usr/lib64/pkcs11/libsofthsm2.so",
                                          "/usr/lib/pkcs11/libsofthsm2.so",
                                          "/usr/local/lib/softhsm/libsofthsm2.so" };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return NULL;
}

static fallible make_pin(char pin[PIN_DIGITS + 1])
{
    uint8_t random[PIN_DIGITS];

    TRY(random_fill(random, sizeof(random)));
    for (size_t i = 0; i < sizeof(random); i++)
        pin[i] = (char)('0' + random[i] % 10);
    pin[PIN_DIGITS] = '\0';
    wipe(random, sizeof(random));
    return OK;
}

static fallible init_token(const struct dev *d, const char *pin)
{
    char environment[1100];

    snprintf(environment, sizeof(environment), "SOFTHSM2_CONF=%s/etc/softhsm2.conf", d->dir);
    return dev_run(d,
                   (const char *const[]){ "/usr/bin/env", environment, "softhsm2-util",
                                          "--init-token", "--free", "--label", TOKEN, "--so-pin",
                                          pin, "--pin", pin, NULL },
                   NULL);
}

fallible dev_make_token(const struct dev *d)
{
    struct buf text owned(buf_done) = buf_of(4096);
    char path[1024], pin[PIN_DIGITS + 1];

    TRY(file_make_dir(dev_path(d, path, "var/softhsm"), 0700));
    buf_addf(
        &text,
        "directories.tokendir = %s/var/softhsm\nobjectstore.backend = file\nlog.level = ERROR\n",
        d->dir);
    TRY(buf_check(&text));
    TRY(dev_write(d, "etc/softhsm2.conf", buf_span(&text), 0600));
    if (file_exists(dev_path(d, path, "etc/hsm.pin")))
        return OK;
    TRY(make_pin(pin));
    struct err e = init_token(d, pin);
    if (!failed(e))
        e = dev_write(d, "etc/hsm.pin", span_str(pin), 0600);
    wipe(pin, sizeof(pin));
    return e;
}
