// SPDX-License-Identifier: Apache-2.0
#include "cmsd/cms.h"

void cms_settings_init(struct cms_settings *s, struct setting rows[CMS_SETTINGS_MAX])
{
    *s = (struct cms_settings){
        .address = strdup("127.0.0.1"),
        .certificate = strdup("/etc/warder/tls/cmsd.pem"),
        .key = strdup("/etc/warder/tls/cmsd.key"),
        .port = 8445,
        .workers = 16,
        .folder = strdup("/var/lib/warder/cmsd"),
        .common_name = strdup("Warder Root CA"),
        .years = 10,
        .days = 365,
        .aas_jwks = strdup("/etc/warder/keys/aas-jwks.json"),
    };
    const struct setting list[CMS_SETTINGS_MAX] = {
        { "server", "address", OPTION_TEXT, &s->address, "numeric address to listen on" },
        { "server", "port", OPTION_NUMBER, &s->port, "0: any free one, named in the log" },
        { "server", "certificate", OPTION_TEXT, &s->certificate,
          "TLS certificate chain, PEM, leaf first" },
        { "server", "key", OPTION_TEXT, &s->key, "its private key, PEM, mode 0600" },
        { "server", "workers", OPTION_NUMBER, &s->workers, "requests handled at once" },
        { "store", "folder", OPTION_TEXT, &s->folder,
          "state of this program alone: CA key, CA certificate, register" },
        { "store", "url", OPTION_TEXT, &s->store_url, "register; without: sqlite:FOLDER/cmsd.db" },
        { "ca", "certificate", OPTION_TEXT, &s->ca_file,
          "where --init writes the CA certificate for others to trust" },
        { "ca", "common_name", OPTION_TEXT, &s->common_name, "of the root, when it is made" },
        { "ca", "years", OPTION_NUMBER, &s->years, "life of the root" },
        { "ca", "days", OPTION_NUMBER, &s->days, "life of a certificate" },
        { "token", "aas_jwks", OPTION_TEXT, &s->aas_jwks,
          "public keys of aasd, for bearer tokens" },
        { 0 },
    };
    memcpy(rows, list, sizeof(list));
}

fallible cms_settings_check(const struct cms_settings *s)
{
    if (!s->address || !s->certificate || !s->key || !s->folder || !s->common_name || !s->aas_jwks)
        return FAIL(SYSTEM, "memory for settings");
    if (s->port > UINT16_MAX)
        return FAIL(LIMIT, "[server] port is at most 65535");
    if (!s->workers || s->workers > 256)
        return FAIL(LIMIT, "[server] workers is 1 to 256");
    if (!s->years || s->years > 30)
        return FAIL(LIMIT, "[ca] years is 1 to 30");
    if (!s->days || s->days > 825)
        return FAIL(LIMIT, "[ca] days is 1 to 825");
    return OK;
}
