// SPDX-License-Identifier: Apache-2.0
/* attestd.conf: one file for the parent and all of its children. */
#ifndef ATTESTD_CONFIG_H
#define ATTESTD_CONFIG_H

#include <stdio.h>

#include "base/err.h"

struct role_config {
    bool enabled;
    char *address;
    uint64_t port;
    char *certificate, *key; /* empty: those of [tls] */
};

struct attestd_config {
    char *path; /* of the file itself, for the children; NULL: defaults */
    char *certificate, *key, *crl;
    uint64_t crl_grace_minutes;
    struct role_config tcs, qvs, as;

    char *tcs_store, *upstream, *upstream_ca, *upstream_root_crl, *upstream_kds, *upstream_api_key;
    bool upstream_plain_loopback;
    uint64_t upstream_timeout_ms, refresh_minutes, alarm_hours, unknown_per_minute;
    char *user_token_hash, *admin_token_hash;
    char *archive_key, *archive_jwks_file, *archive_signers;

    char *roots, *tpm_roots, *tpm_crls; /* file names, separated by spaces */
    char *tpm_enrolled;
    bool sample_evidence;
    char *tcs_url, *tcs_ca;
    uint64_t worker_deadline_ms, spare_workers;

    char *as_store, *signing_key, *jwks_file, *aas_jwks;
    uint64_t token_minutes, rotate_days, announce_minutes, nonce_seconds;
    char *signing_algorithm, *audiences, *nonce_store, *deny_store, *evidence_store;
    uint64_t evidence_count, evidence_mib, evidence_days;

    char *accepted_advisories; /* words */
    uint64_t grace_days;
    char *bundle_keys;
};

/* Defaults, then the file where there is one. `*message` as settings_load. */
fallible config_load(struct attestd_config *c, const char *path, char **message);
/* What a value alone cannot say; `*message` is malloc'ed. */
fallible config_check(const struct attestd_config *c, char **message);
void config_show(struct attestd_config *c, FILE *out);
void config_done(struct attestd_config *c);
static inline void config_donep(struct attestd_config *c)
{
    config_done(c);
}

const char *config_certificate(const struct attestd_config *c, const struct role_config *role);
const char *config_key(const struct attestd_config *c, const struct role_config *role);

#endif
