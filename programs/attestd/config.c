// SPDX-License-Identifier: Apache-2.0
#include "attestd/config.h"

#include <stdlib.h>
#include <string.h>

#include "token/signing_keys.h"
#include "base/options.h"
#include "policy/default_policy.h"
#include "token/attestation.h"

#define SETTINGS_MAX 66
#define WORKER_DEADLINE_MAX 60000
#define UPSTREAM_TIMEOUT_MAX 60000
#define UNKNOWN_PER_MINUTE_MAX 100000
#define SPARE_WORKERS_MAX 32
#define TOKEN_MINUTES_MAX 1440
#define ROTATE_DAYS_MAX 3650
#define ANNOUNCE_MINUTES_MAX (30 * 1440)
#define NONCE_SECONDS_MAX 3600
#define EVIDENCE_COUNT_MAX 10000
#define EVIDENCE_MIB_MAX 4096
#define EVIDENCE_DAYS_MAX 3650

static void settings_of(struct attestd_config *c, struct setting rows[SETTINGS_MAX])
{
    const struct setting table[] = {
        { "tls", "certificate", OPTION_TEXT, &c->certificate,
          "PEM chain of all listeners, leaf first" },
        { "tls", "key", OPTION_TEXT, &c->key, "its private key, PEM, mode 0600" },
        { "tls", "crl", OPTION_TEXT, &c->crl,
          "file of revocation lists: a tcs role elsewhere is checked against it" },
        { "tls", "crl_grace_minutes", OPTION_NUMBER, &c->crl_grace_minutes,
          "how long past its next update it is still believed" },

        { "tcs", "enabled", OPTION_FLAG, &c->tcs.enabled,
          "serve collateral (interfaces of a PCCS and of AMD's KDS)" },
        { "tcs", "address", OPTION_TEXT, &c->tcs.address, "address to listen on" },
        { "tcs", "port", OPTION_NUMBER, &c->tcs.port, "0: any" },
        { "tcs", "certificate", OPTION_TEXT, &c->tcs.certificate, "instead of [tls] certificate" },
        { "tcs", "key", OPTION_TEXT, &c->tcs.key, "instead of [tls] key" },
        { "tcs", "store", OPTION_TEXT, &c->tcs_store, "database of the cache" },
        { "tcs", "upstream", OPTION_TEXT, &c->upstream,
          "Intel PCS, another PCCS or tcs, without path; several, asked in this order, are "
          "separated "
          "by spaces; empty: none" },
        { "tcs", "upstream_kds", OPTION_TEXT, &c->upstream_kds,
          "the same for AMD's KDS or another tcs" },
        { "tcs", "upstream_api_key", OPTION_TEXT, &c->upstream_api_key,
          "file, mode 0600, with the subscription key of the first upstream, a PCS: PCK "
          "certificates "
          "of a platform are fetched all at once" },
        { "tcs", "upstream_timeout_ms", OPTION_NUMBER, &c->upstream_timeout_ms,
          "how long one answer may take" },
        { "tcs", "upstream_ca", OPTION_TEXT, &c->upstream_ca,
          "PEM file; empty: the system's store" },
        { "tcs", "upstream_plain_loopback", OPTION_FLAG, &c->upstream_plain_loopback,
          "allow http:// to a loopback upstream" },
        { "tcs", "upstream_root_crl", OPTION_TEXT, &c->upstream_root_crl,
          "URL of the root CA's CRL; empty: the upstream's rootcacrl, as a PCCS serves it" },
        { "tcs", "refresh_minutes", OPTION_NUMBER, &c->refresh_minutes,
          "ask the upstream again for what is older, though its date allows more" },
        { "tcs", "unknown_per_minute", OPTION_NUMBER, &c->unknown_per_minute,
          "so many questions about unknown platforms go upstream, whoever asks" },
        { "tcs", "alarm_hours", OPTION_NUMBER, &c->alarm_hours,
          "health, metrics and log name what ends sooner" },
        { "tcs", "user_token_hash", OPTION_TEXT, &c->user_token_hash,
          "SHA-512, hex, of the token that registers platforms; empty: nobody may" },
        { "tcs", "admin_token_hash", OPTION_TEXT, &c->admin_token_hash,
          "SHA-512, hex, of the token of a PCCS' administrator; empty: nobody may" },
        { "tcs", "archive_key", OPTION_TEXT, &c->archive_key,
          "private key that signs archives, PEM, mode 0600; made when missing (P-256); empty: no "
          "archives are written" },
        { "tcs", "archive_jwks_file", OPTION_TEXT, &c->archive_jwks_file,
          "its public key is written here; empty: nowhere" },
        { "tcs", "archive_signers", OPTION_TEXT, &c->archive_signers,
          "public keys whose archives are read, a JWKS file; empty: no archives are read" },

        { "qvs", "enabled", OPTION_FLAG, &c->qvs.enabled, "verify quotes" },
        { "qvs", "address", OPTION_TEXT, &c->qvs.address, "address to listen on" },
        { "qvs", "port", OPTION_NUMBER, &c->qvs.port, "0: any" },
        { "qvs", "certificate", OPTION_TEXT, &c->qvs.certificate, "instead of [tls] certificate" },
        { "qvs", "key", OPTION_TEXT, &c->qvs.key, "instead of [tls] key" },

        { "as", "enabled", OPTION_FLAG, &c->as.enabled, "appraise evidence and issue tokens" },
        { "as", "address", OPTION_TEXT, &c->as.address, "address to listen on" },
        { "as", "port", OPTION_NUMBER, &c->as.port, "0: any" },
        { "as", "certificate", OPTION_TEXT, &c->as.certificate, "instead of [tls] certificate" },
        { "as", "key", OPTION_TEXT, &c->as.key, "instead of [tls] key" },
        { "as", "store", OPTION_TEXT, &c->as_store, "database of appraisal policies" },
        { "as", "signing_key", OPTION_TEXT, &c->signing_key,
          "private key of the token issuer, PEM, mode 0600; made when missing" },
        { "as", "signing_algorithm", OPTION_TEXT, &c->signing_algorithm,
          "ES256, ES384 or PS384 for keys that are made; empty: as the key there is, else ES256" },
        { "as", "rotate_days", OPTION_NUMBER, &c->rotate_days,
          "a key signs for so long; 0: until SIGUSR1 asks for the next" },
        { "as", "announce_minutes", OPTION_NUMBER, &c->announce_minutes,
          "the next key is published for so long before it signs" },
        { "as", "audiences", OPTION_TEXT, &c->audiences,
          "whom tokens may be for: names, separated by spaces" },
        { "as", "nonce_store", OPTION_TEXT, &c->nonce_store,
          "database of the nonces that were used, shared by instances" },
        { "as", "deny_store", OPTION_TEXT, &c->deny_store,
          "database of the deny list, shared by instances" },
        { "as", "evidence_store", OPTION_TEXT, &c->evidence_store,
          "database of the evidence of past requests, shared by instances; it may name platforms" },
        { "as", "evidence_count", OPTION_NUMBER, &c->evidence_count,
          "evidence of so many tokens and of so many refusals is kept; 0: none" },
        { "as", "evidence_mib", OPTION_NUMBER, &c->evidence_mib,
          "no more than so much of it, half for refusals" },
        { "as", "evidence_days", OPTION_NUMBER, &c->evidence_days, "and for so long" },
        { "as", "nonce_seconds", OPTION_NUMBER, &c->nonce_seconds, "how long a nonce is good for" },
        { "as", "jwks_file", OPTION_TEXT, &c->jwks_file,
          "the public key is written here; empty: nowhere" },
        { "as", "aas_jwks", OPTION_TEXT, &c->aas_jwks,
          "pinned public keys of aasd, whose tokens may manage policies" },
        { "as", "token_minutes", OPTION_NUMBER, &c->token_minutes, "life of an attestation token" },
        { "as", "accepted_advisories", OPTION_TEXT, &c->accepted_advisories,
          "the policy \"default\" takes SWHardeningNeeded where no others apply; empty: it refuses "
          "it" },
        { "as", "grace_days", OPTION_NUMBER, &c->grace_days,
          "it takes OutOfDate for so long after the TCB level's date; 0: it refuses it" },
        { "as", "bundle_keys", OPTION_TEXT, &c->bundle_keys,
          "JWKS of those whose measurement bundles are imported; empty: nobody's" },

        { "verify", "root", OPTION_TEXT, &c->roots,
          "further roots of trust: certificate files, separated by spaces; claims say root: "
          "configured" },
        { "verify", "tpm_root", OPTION_TEXT, &c->tpm_roots,
          "CAs that certify attestation keys of TPMs: certificate files, separated by spaces" },
        { "verify", "sample_evidence", OPTION_FLAG, &c->sample_evidence,
          "take the sample evidence of Confidential Containers, which proves nothing: for trying "
          "guests out" },
        { "verify", "tpm_crl", OPTION_TEXT, &c->tpm_crls,
          "revocation lists of such CAs: files, separated by spaces" },
        { "verify", "tpm_enrolled", OPTION_TEXT, &c->tpm_enrolled,
          "file of enrolled attestation keys of TPMs, as warder tpm enroll writes it" },
        { "verify", "tcs_url", OPTION_TEXT, &c->tcs_url,
          "where the tcs role runs elsewhere: https://HOST:PORT" },
        { "verify", "tcs_ca", OPTION_TEXT, &c->tcs_ca,
          "PEM file that its certificate is verified by" },
        { "verify", "worker_deadline_ms", OPTION_NUMBER, &c->worker_deadline_ms,
          "a worker that takes longer is killed" },
        { "verify", "spare_workers", OPTION_NUMBER, &c->spare_workers,
          "workers forked ahead of their request" },
        { 0 },
    };
    _Static_assert(sizeof(table) / sizeof(table[0]) <= SETTINGS_MAX, "room for all settings");
    memcpy(rows, table, sizeof(table));
}

static bool set_defaults(struct attestd_config *c)
{
    const struct {
        char **to;
        const char *value;
    } texts[] = {
        { &c->certificate, "/etc/warder/tls/attestd.pem" },
        { &c->key, "/etc/warder/tls/attestd.key" },
        { &c->tcs.address, "127.0.0.1" },
        { &c->qvs.address, "127.0.0.1" },
        { &c->as.address, "127.0.0.1" },
        { &c->tcs_store, "sqlite:/var/lib/warder/attestd/tcs.db" },
        { &c->upstream, "https://api.trustedservices.intel.com" },
        { &c->upstream_kds, "https://kdsintf.amd.com" },
        { &c->upstream_root_crl,
          "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der" },
        { &c->as_store, "sqlite:/var/lib/warder/attestd/as.db" },
        { &c->signing_key, "/var/lib/warder/attestd/as-signing.key" },
        { &c->aas_jwks, "/etc/warder/keys/aas-jwks.json" },
        { &c->audiences, ATTESTATION_AUDIENCE },
        { &c->nonce_store, "sqlite:/var/lib/warder/attestd/nonces.db" },
        { &c->deny_store, "sqlite:/var/lib/warder/attestd/deny.db" },
        { &c->evidence_store, "sqlite:/var/lib/warder/attestd/evidence.db" },
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!(*texts[i].to = strdup(texts[i].value)))
            return false;
    c->tcs.enabled = c->qvs.enabled = c->as.enabled = true;
    c->tcs.port = 9000;
    c->qvs.port = 12000;
    c->as.port = 12001;
    c->crl_grace_minutes = 60;
    c->upstream_timeout_ms = 8000;
    c->refresh_minutes = 1440;
    c->alarm_hours = 72;
    c->unknown_per_minute = 600;
    c->worker_deadline_ms = 2000;
    c->spare_workers = 2;
    c->token_minutes = 60;
    c->announce_minutes = 60;
    c->nonce_seconds = 300;
    c->evidence_count = 512;
    c->evidence_mib = 64;
    c->evidence_days = 30;
    return true;
}

fallible config_load(struct attestd_config *c, const char *path, char **message)
{
    if (!set_defaults(c))
        return FAIL(SYSTEM, "memory for the configuration");
    if (!path)
        return OK;
    c->path = strdup(path);
    if (!c->path)
        return FAIL(SYSTEM, "memory for the configuration");
    struct setting rows[SETTINGS_MAX];
    settings_of(c, rows);
    return settings_load(path, rows, message);
}

void config_show(struct attestd_config *c, FILE *out)
{
    struct setting rows[SETTINGS_MAX];
    settings_of(c, rows);
    settings_show(rows, out);
}

static bool given(const char *text)
{
    return text && *text;
}

static bool hash_good(const char *text)
{
    return !given(text) || (strlen(text) == 128 && strspn(text, "0123456789abcdefABCDEF") == 128);
}

fallible config_check(const struct attestd_config *c, char **message)
{
    const struct {
        bool wrong;
        const char *text;
    } rules[] = {
        { !c->tcs.enabled && !c->qvs.enabled && !c->as.enabled,
          "no role is enabled: [tcs], [qvs] or [as]" },
        { c->tcs.port > UINT16_MAX || c->qvs.port > UINT16_MAX || c->as.port > UINT16_MAX,
          "port above 65535" },
        { !hash_good(c->user_token_hash) || !hash_good(c->admin_token_hash),
          "[tcs] user_token_hash and admin_token_hash are 128 hexadecimal digits" },
        { !c->upstream_timeout_ms || c->upstream_timeout_ms > UPSTREAM_TIMEOUT_MAX,
          "[tcs] upstream_timeout_ms must be 1 to 60000" },
        { !c->tcs.enabled && !given(c->tcs_url),
          "without the tcs role here, [verify] tcs_url must name one" },
        { !c->worker_deadline_ms || c->worker_deadline_ms > WORKER_DEADLINE_MAX,
          "[verify] worker_deadline_ms must be 1 to 60000" },
        { c->spare_workers > SPARE_WORKERS_MAX, "[verify] spare_workers must be at most 32" },
        { !c->token_minutes || c->token_minutes > TOKEN_MINUTES_MAX,
          "[as] token_minutes must be 1 to 1440" },
        { c->as.enabled && !given(c->signing_key), "[as] signing_key is empty" },
        { !signing_algorithm_known(c->signing_algorithm),
          "[as] signing_algorithm must be ES256, ES384 or PS384" },
        { c->rotate_days > ROTATE_DAYS_MAX, "[as] rotate_days must be at most 3650" },
        { c->announce_minutes > ANNOUNCE_MINUTES_MAX,
          "[as] announce_minutes must be at most 43200" },
        { c->rotate_days && c->announce_minutes >= c->rotate_days * 1440,
          "[as] announce_minutes must be less than rotate_days" },
        { !c->nonce_seconds || c->nonce_seconds > NONCE_SECONDS_MAX,
          "[as] nonce_seconds must be 1 to 3600" },
        { c->as.enabled && (!given(c->audiences) || !given(c->nonce_store)),
          "[as] audiences or nonce_store is empty" },
        { (c->as.enabled || c->qvs.enabled) && !given(c->deny_store), "[as] deny_store is empty" },
        { c->as.enabled && c->evidence_count && !given(c->evidence_store),
          "[as] evidence_store is empty; evidence_count = 0 keeps none" },
        { c->evidence_count > EVIDENCE_COUNT_MAX, "[as] evidence_count must be at most 10000" },
        { c->evidence_count && (!c->evidence_mib || c->evidence_mib > EVIDENCE_MIB_MAX),
          "[as] evidence_mib must be 1 to 4096" },
        { c->evidence_count && (!c->evidence_days || c->evidence_days > EVIDENCE_DAYS_MAX),
          "[as] evidence_days must be 1 to 3650" },
        { c->as.enabled && !given(c->aas_jwks), "[as] aas_jwks is empty" },
        { c->grace_days > GRACE_DAYS_MAX, "[as] grace_days must be at most 365" },
        { !c->unknown_per_minute || c->unknown_per_minute > UNKNOWN_PER_MINUTE_MAX,
          "[tcs] unknown_per_minute must be 1 to 100000" },
        { !c->refresh_minutes, "[tcs] refresh_minutes must be at least 1" },
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].wrong) {
            *message = strdup(rules[i].text);
            return FAIL(INPUT, "the configuration contradicts itself");
        }
    return OK;
}

void config_done(struct attestd_config *c)
{
    struct setting rows[SETTINGS_MAX];

    settings_of(c, rows);
    settings_free(rows);
    free(c->path);
    *c = (struct attestd_config){ 0 };
}

const char *config_certificate(const struct attestd_config *c, const struct role_config *role)
{
    return given(role->certificate) ? role->certificate : c->certificate;
}

const char *config_key(const struct attestd_config *c, const struct role_config *role)
{
    return given(role->key) ? role->key : c->key;
}
