// SPDX-License-Identifier: Apache-2.0
/*
 * keyd: three processes. A supervisor that holds nothing starts and restarts the other two: the
 * core, which decides and has no network, and the process of the key manager, which holds the keys
 * and answers the core alone. Where an HSM seals the embedded store, its library has a fourth.
 */
#ifndef KEYD_KEYD_H
#define KEYD_KEYD_H

#include "base/options.h"
#include "keys/keystore.h"

#define KEYD_CHANNELS 8
#define KEYD_SETTINGS_MAX 68
#define KEYD_PATH_MAX 1024

struct seal_hsm;

struct keyd_settings {
    char *socket, *operator_socket, *folder, *name, *profile, *log_file;
    char *attestation_types;
    uint64_t session_minutes;
    uint64_t kbsd_uid, challenge_seconds, connections, approval_hours;
    uint64_t tenant_rate, tenant_burst, keys_per_tenant, policies_per_tenant;
    bool require_wrapped_import;
    bool guest_rsa1_5, refuse_samples;
    char *aas_jwks, *as_jwks;
    char *release_jwks;
    char *manager, *crl;
    uint64_t crl_grace_minutes;
    char *vault_url, *vault_ca, *vault_certificate, *vault_key, *vault_token_file,
        *vault_role_id_file, *vault_secret_id_file, *vault_approle_mount, *vault_namespace,
        *vault_transit, *vault_mount, *vault_prefix;
    uint64_t vault_kv_version;
    bool vault_plain, vault_wrapped, vault_http2;
    char *kmip_host, *kmip_ca, *kmip_certificate, *kmip_key, *kmip_prefix, *kmip_version;
    uint64_t kmip_port;
    char *pkcs11_module, *pkcs11_token, *pkcs11_pin_file, *pkcs11_prefix, *pkcs11_files,
        *pkcs11_environment;
    char *embedded_seal, *embedded_hsm_key;
};

void keyd_settings_init(struct keyd_settings *s, struct setting rows[KEYD_SETTINGS_MAX]);
/* Applies the profile, then checks. */
fallible keyd_settings_check(struct keyd_settings *s);
/* FOLDER/NAME; `out` has KEYD_PATH_MAX bytes. */
fallible keyd_path(const struct keyd_settings *s, const char *name, char *out);

/* The whole of the parent: returns when told to stop, or when a child cannot be started. */
int keyd_supervise(const struct keyd_settings *s);

/* What the children run; the exit status. */
int keyd_core(const struct keyd_settings *s, const int channels[KEYD_CHANNELS], int ready);
/* Takes `inner`; logs when it stops to answer and when it answers again. */
fallible keyd_watch_store(struct keystore *inner, struct keystore **out);
/* The key manager that the settings name: [keys] manager and its own section. */
fallible keyd_store_check(const struct keyd_settings *s);
/* `hsm` (may be NULL) is borrowed. */
fallible keyd_store_open(const struct keyd_settings *s, const char *folder, struct seal_hsm *hsm,
                         struct keystore **out);
/* What of the machine it may touch, besides its folder in keyd's; nothing where it has no network.
 * The paths are the settings' or static. */
#define KEYD_PATHS_MAX 48
struct keyd_paths {
    const char *at[KEYD_PATHS_MAX + 1]; /* NULL-terminated */
    size_t count;
};
void keyd_path_add(struct keyd_paths *p, const char *path);
void keyd_store_paths(const struct keyd_settings *s, struct keyd_paths *readable,
                      struct keyd_paths *writable);
/* After it was opened: files and system calls. */
fallible keyd_store_confine(const struct keyd_settings *s, const char *folder);
/* `sealer`: its end of the pair, -1 where there is none. */
int keyd_manager(const struct keyd_settings *s, const int channels[KEYD_CHANNELS], int sealer);

/* The HSM that seals the embedded store, in a process of its own. */
bool keyd_has_sealer(const struct keyd_settings *s);
fallible keyd_hsm_open(const struct keyd_settings *s, struct keystore **out);
fallible keyd_sealer_confine(const struct keyd_settings *s);
int keyd_sealer(const struct keyd_settings *s, int fd);

/* Operators on this machine, who seal and unseal (operator.c): before the sandbox a listener, after
 * it a thread. */
struct broker;
struct operators;
void keyd_operator_path(const struct keyd_settings *s, char out[KEYD_PATH_MAX]);
fallible keyd_operators_listen(const struct keyd_settings *s, struct broker *b,
                               struct operators **out);
fallible keyd_operators_start(struct operators *o);
void keyd_operators_stop(struct operators *o);

#endif
