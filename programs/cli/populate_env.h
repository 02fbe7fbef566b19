// SPDX-License-Identifier: Apache-2.0
/* The original system's populate-users.env and create_roles.conf (docs/env-files.md). */
#ifndef CLI_POPULATE_ENV_H
#define CLI_POPULATE_ENV_H

#include "cli/env_keys.h"
#include "crypto/secret.h"

#define POPULATE_COMPONENTS 7
#define POPULATE_UNUSED 4

struct account {
    char *name;
    struct secret *password; /* as AAS is told it */
};
struct component {
    char *names, *common_name; /* of its TLS certificate */
    struct account user;
};

struct populate_env {
    char *components, *aas_url;
    struct account admin, global, installer, skc;
    char *skc_common_name, *skc_context;
    struct component of[POPULATE_COMPONENTS]; /* as populate_component() names them */
    bool unused[POPULATE_UNUSED];
};
void populate_env_done(struct populate_env *e);
static inline void populate_env_donep(struct populate_env *e)
{
    populate_env_done(e);
}
/* "KBS" and so on; NULL past the last. */
const char *populate_component(size_t at);
/* Prints what is wrong; an exit status. */
int populate_env_load(const char *path, struct populate_env *out);

struct roles_conf {
    char *aas_ip, *permission;
    uint16_t aas_port;
    struct account admin, skc;
};
void roles_conf_done(struct roles_conf *c);
static inline void roles_conf_donep(struct roles_conf *c)
{
    roles_conf_done(c);
}
int roles_conf_load(const char *path, struct roles_conf *out);

#endif
