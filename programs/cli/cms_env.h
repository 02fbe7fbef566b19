// SPDX-License-Identifier: Apache-2.0
/* The original system's cms.env (docs/env-files.md). */
#ifndef CLI_CMS_ENV_H
#define CLI_CMS_ENV_H

#include "cli/env_keys.h"

#define CMS_ENV_UNUSED 12

struct cms_env {
    char *aas_url, *aas_cn, *aas_san, *san_list;
    uint16_t port, server_port; /* two names of one; `port` is it afterwards */
    uint64_t token_minutes, ca_years;
    bool setup, unused[CMS_ENV_UNUSED];
};
void cms_env_done(struct cms_env *e);
static inline void cms_env_donep(struct cms_env *e)
{
    cms_env_done(e);
}

/* Prints what is wrong; an exit status. */
int cms_env_load(const char *path, struct cms_env *out);

#endif
