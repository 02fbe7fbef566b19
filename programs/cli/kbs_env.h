// SPDX-License-Identifier: Apache-2.0
/*
 * The original system's kbs.env: what its key broker is set up with. The same keys mean the same
 * here; those that a deployment cannot do without are required, an unknown one is refused.
 */
#ifndef CLI_KBS_ENV_H
#define CLI_KBS_ENV_H

#include "cli/env_keys.h"

struct kbs_env {
    char *server_ip, *endpoint_url, *cms_url, *aas_url, *username, *common_name, *challenge_type,
        *san_list, *key_manager, *manager_ip;
    char *kmip_certificate, *kmip_key, *kmip_ca;
    char *attestation_types;      /* of challenge_type, as keyd has it */
    struct env_digest cms_sha384; /* of CMS's TLS certificate, DER */
    uint16_t server_port, manager_port;
    uint64_t session_minutes;
    struct secret *password, *bearer, *client_token;
};
void kbs_env_done(struct kbs_env *e);
static inline void kbs_env_donep(struct kbs_env *e)
{
    kbs_env_done(e);
}

enum kbs_key_manager { KBS_KEYS_EMBEDDED, KBS_KEYS_VAULT, KBS_KEYS_KMIP };

/* A file of mode 0600: it holds tokens. Prints what is wrong; an exit status. */
int kbs_env_load(const char *path, struct kbs_env *out);
/* KEY_MANAGER and what it needs. FAIL_INPUT says what is missing. */
fallible kbs_env_key_manager(const struct kbs_env *e, enum kbs_key_manager *out);

#endif
