// SPDX-License-Identifier: Apache-2.0
#include "keyd/keyd.h"

#include "base/rate_limit.h"
#include "broker/approval.h"
#include "broker/challenge.h"
#include "http/client.h"

#define ANY_UID UINT32_MAX
#define SESSION_MINUTES_MAX 1440

void keyd_settings_init(struct keyd_settings *s, struct setting rows[KEYD_SETTINGS_MAX])
{
    *s = (struct keyd_settings){ .kbsd_uid = ANY_UID,
                                 .challenge_seconds = 120,
                                 .connections = 64,
                                 .approval_hours = APPROVAL_HOURS,
                                 .kmip_port = 5696,
                                 .crl_grace_minutes = 60,
                                 .tenant_rate = 2000,
                                 .tenant_burst = 4000,
                                 .keys_per_tenant = 100000,
                                 .policies_per_tenant = 10000 };
    s->socket = strdup("/run/warder/keyd/keyd.sock");
    s->folder = strdup("/var/lib/warder/keyd");
    s->name = strdup("kbs");
    s->profile = strdup("default");
    s->aas_jwks = strdup("/etc/warder/keys/aas-jwks.json");
    s->as_jwks = strdup("/etc/warder/keys/as-jwks.json");
    s->manager = strdup("embedded");
    s->embedded_seal = strdup("file");
    s->embedded_hsm_key = strdup("warder-seal");
    s->vault_mount = strdup("keybroker");
    s->vault_prefix = strdup("warder");
    s->vault_approle_mount = strdup("approle");
    s->kmip_prefix = strdup("warder");
    s->kmip_version = strdup("auto");
    s->pkcs11_prefix = strdup("warder");
    const struct setting table[] = {
        { "keyd", "socket", OPTION_TEXT, &s->socket, "Unix socket on which kbsd asks" },
        { "keyd", "operator_socket", OPTION_TEXT, &s->operator_socket,
          "Unix socket for 'warder keyd' (default: operator.sock beside socket); keyd's user and "
          "root only" },
        { "keyd", "folder", OPTION_TEXT, &s->folder, "store, secrets and audit log; mode 0700" },
        { "keyd", "name", OPTION_TEXT, &s->name, "name of this key broker: in every challenge" },
        { "keyd", "profile", OPTION_TEXT, &s->profile,
          "default, or production: wrapped imports only, no plain HTTP to a key manager" },
        { "keyd", "kbsd_uid", OPTION_NUMBER, &s->kbsd_uid,
          "user id that may ask; keyd's own and root always may" },
        { "keyd", "connections", OPTION_NUMBER, &s->connections,
          "at most so many from kbsd at once" },
        { "keyd", "challenge_seconds", OPTION_NUMBER, &s->challenge_seconds,
          "how long a challenge is good for" },
        { "keyd", "attestation_types", OPTION_TEXT, &s->attestation_types,
          "kinds of TEE whose evidence is taken, between spaces; empty: all" },
        { "keyd", "session_minutes", OPTION_NUMBER, &s->session_minutes,
          "an attestation token is taken again for so long; 0: until it expires" },
        { "keyd", "approval_hours", OPTION_NUMBER, &s->approval_hours,
          "how long a change waits for a second person" },
        { "keyd", "require_wrapped_import", OPTION_FLAG, &s->require_wrapped_import,
          "refuse a key_string that is not a JWE to the import key" },
        { "log", "file", OPTION_TEXT, &s->log_file,
          "a copy of the log, as text in the form of the original system's kbs.log" },
        { "guests", "rsa1_5", OPTION_FLAG, &s->guest_rsa1_5,
          "serve guests of Confidential Containers up to release 0.11, which open only RSA1_5 "
          "without an authenticated header" },
        { "tenants", "rate", OPTION_NUMBER, &s->tenant_rate,
          "challenges and administrators' requests of one tenant a second; 0: no limit" },
        { "tenants", "burst", OPTION_NUMBER, &s->tenant_burst, "and at once" },
        { "tenants", "keys", OPTION_NUMBER, &s->keys_per_tenant,
          "keys of one tenant; 0: no limit" },
        { "tenants", "policies", OPTION_NUMBER, &s->policies_per_tenant,
          "transfer policies of one tenant; 0: no limit" },
        { "tokens", "aas_jwks", OPTION_TEXT, &s->aas_jwks,
          "public keys of aasd, pinned: a JWKS file" },
        { "tokens", "as_jwks", OPTION_TEXT, &s->as_jwks,
          "public keys of the attestation service, pinned: a JWKS file" },
        { "release", "jwks_file", OPTION_TEXT, &s->release_jwks,
          "written at start: the public key that signs answers" },
        { "keys", "manager", OPTION_TEXT, &s->manager,
          "key manager: embedded, vault, kmip or pkcs11" },
        { "keys", "crl", OPTION_TEXT, &s->crl,
          "file of revocation lists that a Vault or KMIP server is checked against" },
        { "keys", "crl_grace_minutes", OPTION_NUMBER, &s->crl_grace_minutes,
          "how long past its next update it is still believed" },
        { "embedded", "seal", OPTION_TEXT, &s->embedded_seal,
          "how its master key is kept: file, passphrase, shamir or pkcs11" },
        { "embedded", "hsm_key", OPTION_TEXT, &s->embedded_hsm_key,
          "seal pkcs11: label of the seal's key in the token of [pkcs11]" },
        { "vault", "url", OPTION_TEXT, &s->vault_url,
          "https://HOST:PORT of Vault or OpenBao; a cluster's nodes between spaces" },
        { "vault", "ca", OPTION_TEXT, &s->vault_ca, "CA certificate of the server, PEM" },
        { "vault", "certificate", OPTION_TEXT, &s->vault_certificate,
          "client certificate for its TLS, PEM; empty: none" },
        { "vault", "key", OPTION_TEXT, &s->vault_key, "its key, PEM, a file of mode 0600" },
        { "vault", "token_file", OPTION_TEXT, &s->vault_token_file,
          "its token, a file of mode 0600; or log in by AppRole:" },
        { "vault", "role_id_file", OPTION_TEXT, &s->vault_role_id_file,
          "role id, a file of mode 0600" },
        { "vault", "secret_id_file", OPTION_TEXT, &s->vault_secret_id_file,
          "secret id, a file of mode 0600" },
        { "vault", "secret_id_wrapped", OPTION_FLAG, &s->vault_wrapped,
          "secret_id_file holds the token of a response-wrapped secret id" },
        { "vault", "approle_mount", OPTION_TEXT, &s->vault_approle_mount,
          "where AppRole logins are mounted" },
        { "vault", "transit_mount", OPTION_TEXT, &s->vault_transit,
          "mount of a transit engine, for keys that stay; empty: none" },
        { "vault", "namespace", OPTION_TEXT, &s->vault_namespace, "namespace; empty: none" },
        { "vault", "http2", OPTION_FLAG, &s->vault_http2,
          "HTTP/2 where the server has it, a new connection a call; else HTTP/1.1" },
        { "vault", "mount", OPTION_TEXT, &s->vault_mount, "where the KV store is mounted" },
        { "vault", "prefix", OPTION_TEXT, &s->vault_prefix, "folder in it for keys of ours" },
        { "vault", "kv_version", OPTION_NUMBER, &s->vault_kv_version, "1 or 2; 0: ask the server" },
        { "vault", "allow_plain_http", OPTION_FLAG, &s->vault_plain,
          "http:// to a loopback address" },
        { "kmip", "host", OPTION_TEXT, &s->kmip_host, "name or address of the KMIP server" },
        { "kmip", "port", OPTION_NUMBER, &s->kmip_port, "its port" },
        { "kmip", "ca", OPTION_TEXT, &s->kmip_ca, "CA certificate of the server, PEM" },
        { "kmip", "certificate", OPTION_TEXT, &s->kmip_certificate, "client certificate, PEM" },
        { "kmip", "key", OPTION_TEXT, &s->kmip_key, "its key, PEM, a file of mode 0600" },
        { "kmip", "prefix", OPTION_TEXT, &s->kmip_prefix,
          "first part of the names of keys of ours" },
        { "kmip", "version", OPTION_TEXT, &s->kmip_version,
          "of KMIP: 1.2, 1.3, 1.4, 2.0, or auto: ask the server" },
        { "pkcs11", "module", OPTION_TEXT, &s->pkcs11_module, "the HSM vendor's PKCS#11 library" },
        { "pkcs11", "token", OPTION_TEXT, &s->pkcs11_token,
          "URI of the token: pkcs11:token=NAME, serial= and so on" },
        { "pkcs11", "pin_file", OPTION_TEXT, &s->pkcs11_pin_file,
          "the user's PIN, a file of mode 0600" },
        { "pkcs11", "prefix", OPTION_TEXT, &s->pkcs11_prefix,
          "first part of the labels of keys of ours" },
        { "pkcs11", "files", OPTION_TEXT, &s->pkcs11_files,
          "files and folders that the library reads and writes, between spaces" },
        { "pkcs11", "environment", OPTION_TEXT, &s->pkcs11_environment,
          "NAME=VALUE, several between spaces, for the library" },
        { 0 },
    };
    _Static_assert(sizeof table / sizeof table[0] <= KEYD_SETTINGS_MAX, "settings");
    memcpy(rows, table, sizeof table);
}

/* What is convenient to try out and has no place where keys matter. */
static fallible apply_profile(struct keyd_settings *s)
{
    if (!strcmp(s->profile, "default"))
        return OK;
    if (strcmp(s->profile, "production"))
        return FAIL(INPUT, "[keyd] profile is default or production");
    s->require_wrapped_import = true;
    s->refuse_samples = true;
    return s->vault_plain
               ? FAIL(INPUT, "[vault] allow_plain_http is refused by the production profile")
               : OK;
}

fallible keyd_settings_check(struct keyd_settings *s)
{
    if (!s->socket || !s->folder || !s->name || !s->profile || !s->aas_jwks || !s->as_jwks ||
        !s->manager)
        return FAIL(INPUT, "a required setting is empty");
    TRY(apply_profile(s));
    if (s->tenant_rate > RATE_LIMIT_MAX || s->tenant_burst > RATE_LIMIT_MAX)
        return FAIL(INPUT, "[tenants] rate and burst are at most 1000000");
    if (s->keys_per_tenant > INT32_MAX || s->policies_per_tenant > INT32_MAX)
        return FAIL(INPUT, "[tenants] keys and policies are at most 2147483647");
    if (s->challenge_seconds < 10 || s->challenge_seconds > 3600)
        return FAIL(INPUT, "[keyd] challenge_seconds is 10 to 3600");
    if (!s->connections || s->connections > 1024)
        return FAIL(INPUT, "[keyd] connections is 1 to 1024");
    if (!s->approval_hours || s->approval_hours > APPROVAL_HOURS_MAX)
        return FAIL(INPUT, "[keyd] approval_hours is 1 to 720");
    if (s->session_minutes > SESSION_MINUTES_MAX)
        return FAIL(INPUT, "[keyd] session_minutes is 0 to 1440");
    if (strlen(s->name) > CHALLENGE_FIELD_MAX)
        return FAIL(INPUT, "[keyd] name is too long");
    return keyd_store_check(s);
}

fallible keyd_path(const struct keyd_settings *s, const char *name, char *out)
{
    int len = snprintf(out, KEYD_PATH_MAX, "%s/%s", s->folder, name);
    return len > 0 && len < KEYD_PATH_MAX ? OK : FAIL(LIMIT, "the folder's path is too long");
}
