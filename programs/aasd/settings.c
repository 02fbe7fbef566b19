// SPDX-License-Identifier: Apache-2.0
#include "aasd/aas.h"

#include "token/signing_keys.h"

#define PASSWORD_WAITING 8

void aas_settings_init(struct aas_settings *s, struct setting rows[AAS_SETTINGS_MAX])
{
    const struct password_cost cost = PASSWORD_COST_DEFAULT;
    const struct lockout_rule lockout = LOCKOUT_RULE_DEFAULT;

    *s = (struct aas_settings){
        .address = strdup("127.0.0.1"),
        .certificate = strdup("/etc/warder/tls/aasd.pem"),
        .key = strdup("/etc/warder/tls/aasd.key"),
        .port = 8444,
        .crl_grace_minutes = 60,
        .workers = 16,
        .folder = strdup("/var/lib/warder/aasd"),
        .token_minutes = 120,
        .announce_minutes = 60,
        .attempts = lockout.attempts,
        .window_seconds = lockout.window,
        .lockout_seconds = lockout.duration,
        .longest_seconds = lockout.longest,
        .memory_kib = cost.memory_kib,
        .passes = cost.passes,
        .hashing = 2,
    };
    const struct setting list[AAS_SETTINGS_MAX] = {
        { "server", "address", OPTION_TEXT, &s->address, "numeric address to listen on" },
        { "server", "port", OPTION_NUMBER, &s->port, "0: any free one, named in the log" },
        { "server", "certificate", OPTION_TEXT, &s->certificate,
          "TLS certificate chain, PEM, leaf first" },
        { "server", "key", OPTION_TEXT, &s->key, "its private key, PEM, mode 0600" },
        { "server", "client_ca", OPTION_TEXT, &s->client_ca,
          "CA of TLS client certificates, PEM; empty: none are asked for" },
        { "server", "crl", OPTION_TEXT, &s->crl,
          "file of revocation lists: client certificates are checked against it" },
        { "server", "crl_grace_minutes", OPTION_NUMBER, &s->crl_grace_minutes,
          "how long past its next update it is still believed" },
        { "server", "workers", OPTION_NUMBER, &s->workers, "requests handled at once" },
        { "store", "folder", OPTION_TEXT, &s->folder,
          "state of this program alone: signing key, database" },
        { "store", "url", OPTION_TEXT, &s->store_url, "database; without: sqlite:FOLDER/aasd.db" },
        { "token", "minutes", OPTION_NUMBER, &s->token_minutes, "life of a bearer token" },
        { "token", "jwks_file", OPTION_TEXT, &s->jwks_file,
          "where the public keys are written for others to pin, and as FILE.revoked what ended" },
        { "token", "algorithm", OPTION_TEXT, &s->algorithm,
          "ES256, ES384 or PS384; empty: that of the key there is, else ES256" },
        { "token", "rotate_days", OPTION_NUMBER, &s->rotate_days,
          "how long a key signs; 0: until it is told to change" },
        { "token", "announce_minutes", OPTION_NUMBER, &s->announce_minutes,
          "how long the next key is published before it signs" },
        { "login", "attempts", OPTION_NUMBER, &s->attempts,
          "failures of one name before it is locked" },
        { "login", "window_seconds", OPTION_NUMBER, &s->window_seconds, "within which they count" },
        { "login", "lockout_seconds", OPTION_NUMBER, &s->lockout_seconds,
          "how long the name stays locked; twice as long each time" },
        { "login", "longest_seconds", OPTION_NUMBER, &s->longest_seconds, "but no longer" },
        { "login", "certificate_roles", OPTION_TEXT, &s->certificate_roles,
          "whoever has a role of these names needs a TLS client certificate; empty: nobody" },
        { "external", "issuers_file", OPTION_TEXT, &s->issuers_file,
          "JSON: other issuers whose tokens are taken for ours; empty: none" },
        { "login", "memory_kib", OPTION_NUMBER, &s->memory_kib,
          "Argon2id memory of one password, at least 19456" },
        { "login", "passes", OPTION_NUMBER, &s->passes, "Argon2id passes, at least 2" },
        { "login", "hashing", OPTION_NUMBER, &s->hashing, "passwords hashed at once; 8 more wait" },
        { 0 },
    };
    memcpy(rows, list, sizeof(list));
}

fallible aas_settings_check(const struct aas_settings *s)
{
    if (!s->address || !s->certificate || !s->key || !s->folder)
        return FAIL(SYSTEM, "memory for settings");
    if (s->port > UINT16_MAX)
        return FAIL(LIMIT, "[server] port is at most 65535");
    if (!s->workers || s->workers > 256)
        return FAIL(LIMIT, "[server] workers is 1 to 256");
    if (!s->token_minutes || s->token_minutes > 24 * 60)
        return FAIL(LIMIT, "[token] minutes is 1 to 1440");
    if (!signing_algorithm_known(s->algorithm))
        return FAIL(INPUT, "[token] algorithm is ES256, ES384 or PS384");
    if (s->rotate_days > 3650 || s->announce_minutes > 43200 ||
        (s->rotate_days && s->announce_minutes >= s->rotate_days * 1440))
        return FAIL(LIMIT, "[token] rotate_days is at most 3650, announce_minutes at most 43200 "
                           "and less than rotate_days");
    if (s->certificate_roles && *s->certificate_roles && !s->client_ca)
        return FAIL(INPUT, "[login] certificate_roles needs [server] client_ca");
    if (s->longest_seconds < s->lockout_seconds || s->longest_seconds > 7 * 86400)
        return FAIL(LIMIT, "[login] longest_seconds is lockout_seconds to 604800");
    if (!s->attempts || s->attempts > 1000 || !s->window_seconds || s->window_seconds > 86400 ||
        !s->lockout_seconds || s->lockout_seconds > 86400)
        return FAIL(LIMIT, "[login] attempts is 1 to 1000, seconds are 1 to 86400");
    if (!s->hashing || s->hashing + PASSWORD_WAITING > s->workers)
        return FAIL(LIMIT,
                    "[login] hashing is at least 1, and 8 less than [server] workers at most");
    if (s->memory_kib > PASSWORD_MEMORY_MAX_KIB || s->passes > PASSWORD_PASSES_MAX)
        return FAIL(LIMIT, "[login] memory_kib is at most 1048576, passes at most 16");
    return password_cost_check(
        (struct password_cost){ (uint32_t)s->memory_kib, (uint32_t)s->passes });
}
