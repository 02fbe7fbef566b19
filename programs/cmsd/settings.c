// SPDX-License-Identifier: Apache-2.0
#include "cmsd/cms.h"

#define DAYS_MAX 825

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
        .intermediate_years = 5,
        .days = 365,
        .days_server = 365,
        .days_client = 365,
        .crl_hours = 168,
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
        { "ca", "intermediate_years", OPTION_NUMBER, &s->intermediate_years,
          "life of the intermediate CA that --init --root-key makes" },
        { "ca", "days", OPTION_NUMBER, &s->days, "longest life of a certificate of type TLS" },
        { "ca", "days_server", OPTION_NUMBER, &s->days_server, "of type TLS-Server" },
        { "ca", "days_client", OPTION_NUMBER, &s->days_client, "of type TLS-Client" },
        { "ca", "crl_url", OPTION_TEXT, &s->crl_url,
          "where others get the revocation list; stands in every certificate; without: nowhere" },
        { "ca", "crl_hours", OPTION_NUMBER, &s->crl_hours,
          "from an edition of the revocation list to its next update" },
        { "pkcs11", "module", OPTION_TEXT, &s->token.module,
          "the vendor's library, where the issuing key is in a token; without: a file" },
        { "pkcs11", "token", OPTION_TEXT, &s->token.token, "its URI (RFC 7512)" },
        { "pkcs11", "key", OPTION_TEXT, &s->token.key, "URI of the private key in it" },
        { "pkcs11", "pin_file", OPTION_TEXT, &s->token.pin_file, "mode 0600" },
        { "pkcs11", "files", OPTION_TEXT, &s->token.files,
          "folder that the library reads and writes" },
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
    if (!s->intermediate_years || s->intermediate_years > 20)
        return FAIL(LIMIT, "[ca] intermediate_years is 1 to 20");
    if (!s->days || s->days > DAYS_MAX || !s->days_server || s->days_server > DAYS_MAX ||
        !s->days_client || s->days_client > DAYS_MAX)
        return FAIL(LIMIT, "[ca] days, days_server and days_client are 1 to 825");
    if (!s->crl_hours || s->crl_hours > 24 * 31)
        return FAIL(LIMIT, "[ca] crl_hours is 1 to 744");
    return token_key_check(&s->token);
}
