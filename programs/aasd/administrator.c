// SPDX-License-Identifier: Apache-2.0
/* The first user of a tenant, before anyone could log in to make one: aasd --init-admin for the
 * operator's own tenant, POST /aas/v1/tenants for another. */
#include "aasd/aas.h"

#include "access/role.h"

/* Made once per tenant; whoever gets the first of each service may do everything there. What CMS
 * and TCS do is for all tenants: only the operator's may. */
static const struct {
    const char *service, *name, *rule;
    bool for_administrator, of_operator;
} built_in[] = {
    { "AAS", "Administrator", "*:*:*", true, false },
    { "KBS", "Administrator", "*:*:*", true, false },
    { "AS", "Administrator", "*:*:*", true, false },
    { "CMS", "Administrator", "*:*:*", true, true },
    { "TCS", "Administrator", "*:*:*", true, true },
    { "AAS", "RoleManager", "roles:*:*", false, false },
    { "AAS", "UserManager", "users:*:*", false, false },
    { "AAS", "UserRoleManager", "user_roles:*:*", false, false },
};
#define BUILT_IN_COUNT (sizeof(built_in) / sizeof(built_in[0]))

static fallible find_or_make_role(struct aas *a, const char *tenant, size_t i, int64_t now,
                                  json_t **out)
{
    owned(json_free) json_t *rules = json_pack("[s]", built_in[i].rule);
    owned(json_free) json_t *list = NULL;
    const struct role_spec spec = { .service = span_str(built_in[i].service),
                                    .name = span_str(built_in[i].name),
                                    .permissions = rules };
    const struct role_filter filter = { .service = spec.service, .name = spec.name };

    struct err e = role_create(a->store, tenant, &spec, now, out);
    if (e.kind != FAIL_CONFLICT)
        return e;
    TRY(role_list(a->store, tenant, &filter, &list));
    for (size_t j = 0; j < json_array_size(list); j++) {
        json_t *role = json_array_get(list, j);
        if (!json_string_length(json_object_get(role, "context"))) {
            *out = json_incref(role);
            return OK;
        }
    }
    return FAIL(ABSENT, "no such role");
}

static fallible make_user(struct aas *a, const char *name, const char *password_file, int64_t now,
                          struct user *out)
{
    owned(secret_free) struct secret *raw = NULL;
    owned(secret_free) struct secret *password = NULL;
    char hash[PASSWORD_HASH_SIZE];

    TRY(secret_load(password_file, &raw));
    TRY(password_of_file(raw, &password));
    TRY(login_hash(a->login, password, hash));
    struct err e = user_create(a->store, TENANT_DEFAULT, span_str(name), hash, now, out);
    if (e.kind != FAIL_CONFLICT)
        return e;
    TRY(user_find(a->store, TENANT_DEFAULT, span_str(name), out));
    return user_set_password(a->store, TENANT_DEFAULT, out->id, hash, now);
}

fallible aas_grant_administrator(struct aas *a, const char *tenant, const struct user *u,
                                 int64_t now)
{
    owned(json_free) json_t *ids = json_array();
    bool operators = !strcmp(tenant, TENANT_DEFAULT);

    for (size_t i = 0; i < BUILT_IN_COUNT; i++) {
        owned(json_free) json_t *role = NULL;
        if (built_in[i].of_operator && !operators)
            continue;
        TRY(find_or_make_role(a, tenant, i, now, &role));
        if (built_in[i].for_administrator &&
            json_array_append(ids, json_object_get(role, "role_id")))
            return FAIL(SYSTEM, "memory for roles");
    }
    return user_role_grant(a->store, tenant, u->id, ids, now);
}

fallible aas_make_administrator(struct aas *a, const char *name, const char *password_file,
                                int64_t now)
{
    struct user u;

    TRY(make_user(a, name, password_file, now, &u));
    return aas_grant_administrator(a, TENANT_DEFAULT, &u, now);
}
