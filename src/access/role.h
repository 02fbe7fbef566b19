// SPDX-License-Identifier: Apache-2.0
/*
 * Roles of a tenant: service, name and context, with the permission rules that they carry in that
 * service; and which users have them. Service names are upper case from input on (lesson L20). Each
 * call is one transaction and takes the store's lock. Answers are JSON that begins with role_id, as
 * scripts of old systems expect.
 */
#ifndef ACCESS_ROLE_H
#define ACCESS_ROLE_H

#include "base/json.h"
#include "crypto/random.h"
#include "store/store.h"

#define ROLE_SERVICE_MAX 20
#define ROLE_NAME_MAX 40
#define ROLE_RULES_MAX 32
#define ROLE_LIST_MAX 1000
#define USER_ROLES_MAX 64
/* Roles and permissions of one user as they go into tokens: a bearer token must fit into a header.
 */
#define USER_CLAIMS_MAX (6U << 10)

struct role_spec {
    struct span service, name, context;
    const json_t *permissions; /* array of rules; NULL for none */
};

/* The member that role_create() would refuse, NULL when none. */
const char *role_spec_fault(const struct role_spec *spec);

/* FAIL_INPUT: names, context or rules. FAIL_CONFLICT: the same service, name and context. */
fallible role_create(struct store *s, const char *tenant, const struct role_spec *spec, int64_t now,
                     json_t **out);
fallible role_find(struct store *s, const char *tenant, struct span id, json_t **out);
fallible role_set_permissions(struct store *s, const char *tenant, struct span id,
                              const json_t *permissions, int64_t now);
fallible role_delete(struct store *s, const char *tenant, struct span id);

struct role_filter {
    struct span service, name;         /* empty: any */
    struct span context, context_part; /* equal; contained */
};
fallible role_list(struct store *s, const char *tenant, const struct role_filter *filter,
                   json_t **out);

/* All or none; a role that the user has already is fine. FAIL_ABSENT: no such user or role.
 * FAIL_LIMIT: too many for a token. */
fallible user_role_grant(struct store *s, const char *tenant, const char *user_id,
                         const json_t *role_ids, int64_t now);
fallible user_role_revoke(struct store *s, const char *tenant, const char *user_id,
                          struct span role_id);
fallible user_role_list(struct store *s, const char *tenant, const char *user_id,
                        const struct role_filter *filter, json_t **out);
fallible user_role_find(struct store *s, const char *tenant, const char *user_id,
                        struct span role_id, json_t **out);
/* The same of these roles, as role_list() gives them. FAIL_LIMIT: too many for a token. */
fallible role_claims(const json_t *held, json_t **out);
/* {"roles":[{service,name,context}],"permissions":[{service,context,rules}]}: the user's part of a
 * token. */
fallible user_role_claims(struct store *s, const char *tenant, const char *user_id, json_t **out);

#endif
