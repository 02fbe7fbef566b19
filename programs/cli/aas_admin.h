// SPDX-License-Identifier: Apache-2.0
/*
 * An administrator's work at an AAS, done so that doing it again changes nothing: users, roles, and
 * who has them. Each prints what is wrong and returns an exit status.
 */
#ifndef CLI_AAS_ADMIN_H
#define CLI_AAS_ADMIN_H

#include "cli/cli.h"
#include "crypto/secret.h"

struct aas_admin {
    struct http_client *http;
    char url[512];        /* https://HOST:PORT/aas/v1 */
    struct secret *token; /* NUL-terminated; NULL before aas_admin_login() */
};
void aas_admin_close(struct aas_admin *a);
static inline void aas_admin_closep(struct aas_admin *a)
{
    aas_admin_close(a);
}

/* `ca`: PEM file of the CA that AAS's certificate comes from. */
int aas_admin_open(const char *url, const char *ca, struct aas_admin *out);
/* A user's token, NUL-terminated; `keys` says where name and password were read. */
int aas_token_of(struct aas_admin *a, const char *user, const struct secret *password,
                 const char *keys, struct secret **out);
/* From now on as this user. */
int aas_admin_login(struct aas_admin *a, const char *user, const struct secret *password,
                    const char *keys);
/* A user of this name; one that was there keeps its password. */
int aas_have_user(struct aas_admin *a, const char *name, const struct secret *password);

struct aas_role {
    const char *service, *name, *context;
    const char *rules[4]; /* NULL-terminated */
};
/* The role, which this user has. */
int aas_have_role(struct aas_admin *a, const char *user, const struct aas_role *role);

#endif
