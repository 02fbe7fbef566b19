// SPDX-License-Identifier: Apache-2.0
/* aasd --init-admin: the first user, before anyone could log in to make one. */
#include "aasd/aas.h"

#include "access/role.h"

/* Made once per tenant; whoever gets the first of each service may do everything there. */
static const struct {
    const char *service, *name, *rule;
    bool for_administrator;
} built_in[] = {
    { "AAS", "Administrator", "*:*:*", true },
    { "KBS", "Administrator", "*:*:*", true },
    { "AS", "Administrator", "*:*:*", true },
    { "CMS", "Administrator", "*:*:*", true },
    { "TCS", "Administrator", "*:*:*", true },
    { "AAS", "RoleManager", "roles:*:*", false },
    { "AAS", "UserManager", "users:*:*", false },
    { "AAS", "UserRoleManager", "user_roles:*:*", false },
};
#define BUILT_IN_COUNT (sizeof(built_in) / sizeof(built_in[0]))

static fallible find_or_make_role(struct aas *a, size_t i, int64_t now, json_t **out)
{
    owned(json_free) json_t *rules = json_pack("[s]", built_in[i].rule);
    owned(json_free) json_t *list = NULL;
    const struct role_spec spec = { .service = span_str(built_in[i].service),
                                    .name = span_str(built_in[i].name),
                                    .permissions = rules };
    const struct role_filter filter = { .service = spec.service, .name = spec.name };

    struct err e = role_create(a->store, TENANT_DEFAULT, &spec, now, out);
    if (e.kind != FAIL_CONFLICT)
        return e;
    TRY(role_list(a->store, TENANT_DEFAULT, &filter, &list));
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

fallible aas_make_administrator(struct aas *a, const char *name, const char *password_file,
                                int64_t now)
{
    struct user u;
    owned(json_free) json_t *ids = json_array();

    TRY(make_user(a, name, password_file, now, &u));
    for (size_t i = 0; i < BUILT_IN_COUNT; i++) {
        owned(json_free) json_t *role = NULL;
        TRY(find_or_make_role(a, i, now, &role));
        if (built_in[i].for_administrator &&
            json_array_append(ids, json_object_get(role, "role_id")))
            return FAIL(SYSTEM, "memory for roles");
    }
    return user_role_grant(a->store, TENANT_DEFAULT, u.id, ids, now);
}
