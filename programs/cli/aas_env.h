// SPDX-License-Identifier: Apache-2.0
/* The original system's authservice.env (docs/env-files.md). */
#ifndef CLI_AAS_ENV_H
#define CLI_AAS_ENV_H

#include "cli/env_keys.h"

#define AAS_ENV_UNUSED 21

struct aas_env {
    char *cms_url, *san_list, *common_name, *administrator;
    struct env_digest cms_sha384;
    struct secret *bearer, *password;
    uint16_t port, server_port; /* two names of one; `port` is it afterwards */
    uint64_t token_minutes, attempts, window_minutes, lockout_minutes; /* 0: not given */
    bool setup, key_id, unused[AAS_ENV_UNUSED];
};
void aas_env_done(struct aas_env *e);
static inline void aas_env_donep(struct aas_env *e)
{
    aas_env_done(e);
}

/* Prints what is wrong; an exit status. */
int aas_env_load(const char *path, struct aas_env *out);

#endif
