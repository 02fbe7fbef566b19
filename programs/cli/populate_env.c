// SPDX-License-Identifier: Apache-2.0
#include "cli/populate_env.h"

#include "cli/cli.h"

static const char *const component_names[POPULATE_COMPONENTS] = { "KBS", "SCS", "SQVS", "SHVS",
                                                                  "TCS", "QVS", "APS" };

const char *populate_component(size_t at)
{
    return at < POPULATE_COMPONENTS ? component_names[at] : NULL;
}

static void account_done(struct account *a)
{
    free(a->name);
    secret_free(a->password);
}

void populate_env_done(struct populate_env *e)
{
    struct account *const accounts[] = { &e->admin, &e->global, &e->installer, &e->skc };

    free(e->components);
    free(e->aas_url);
    free(e->skc_common_name);
    free(e->skc_context);
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++)
        account_done(accounts[i]);
    for (size_t i = 0; i < POPULATE_COMPONENTS; i++) {
        free(e->of[i].names);
        free(e->of[i].common_name);
        account_done(&e->of[i].user);
    }
    *e = (struct populate_env){ 0 };
}

void roles_conf_done(struct roles_conf *c)
{
    free(c->aas_ip);
    free(c->permission);
    account_done(&c->admin);
    account_done(&c->skc);
    *c = (struct roles_conf){ 0 };
}

/* As AAS is told it: without the NUL. */
static fallible take_password(struct span value, void *to)
{
    struct secret *s = secret_copy(value);

    if (!s)
        return FAIL(SYSTEM, "secure memory exhausted");
    *(struct secret **)to = s;
    return OK;
}

/* clang-format off */
#define AT(member) offsetof(struct populate_env, member)
#define ACCOUNT_KEYS(prefix, member)                                                              \
    { prefix "_USERNAME", AT(member.name), env_take_name },                                       \
    { prefix "_PASSWORD", AT(member.password), take_password }
#define COMPONENT_KEYS(i, prefix)                                                                 \
    ACCOUNT_KEYS(prefix "_SERVICE", of[i].user),                                                  \
    { prefix "_CERT_SAN_LIST", AT(of[i].names), env_take_text },                                  \
    { prefix "_CERT_COMMON_NAME", AT(of[i].common_name), env_take_text }

static const struct env_key populate_keys[] = {
    { "ISECL_INSTALL_COMPONENTS", AT(components), env_take_text },
    { "AAS_API_URL", AT(aas_url), env_take_https },
    ACCOUNT_KEYS("AAS_ADMIN", admin),
    ACCOUNT_KEYS("GLOBAL_ADMIN", global),
    ACCOUNT_KEYS("INSTALL_ADMIN", installer),
    ACCOUNT_KEYS("SKC_LIBRARY", skc),
    { "SKC_LIBRARY_CERT_COMMON_NAME", AT(skc_common_name), env_take_text },
    { "SKC_LIBRARY_KEY_TRANSFER_CONTEXT", AT(skc_context), env_take_text },
    COMPONENT_KEYS(0, "KBS"),
    COMPONENT_KEYS(1, "SCS"),
    COMPONENT_KEYS(2, "SQVS"),
    COMPONENT_KEYS(3, "SHVS"),
    COMPONENT_KEYS(4, "TCS"),
    COMPONENT_KEYS(5, "QVS"),
    COMPONENT_KEYS(6, "APS"),
    { "CCC_ADMIN_USERNAME", AT(unused[0]), env_take_unused },
    { "CCC_ADMIN_PASSWORD", AT(unused[1]), env_take_unused },
    { "CUSTOM_CLAIMS_COMPONENTS", AT(unused[2]), env_take_unused },
    { "CUSTOM_CLAIMS_TOKEN_VALIDITY_SECS", AT(unused[3]), env_take_unused },
};
#undef AT
/* clang-format on */

static bool whole(const struct account *a, bool needed)
{
    return !a->name == !a->password && (a->name || !needed);
}

static fallible check(const struct populate_env *e)
{
    if (!e->aas_url || !e->components)
        return FAIL(INPUT, "AAS_API_URL and ISECL_INSTALL_COMPONENTS are needed");
    if (!whole(&e->admin, true) || !whole(&e->installer, true))
        return FAIL(INPUT, "AAS_ADMIN_USERNAME, AAS_ADMIN_PASSWORD, INSTALL_ADMIN_USERNAME and "
                           "INSTALL_ADMIN_PASSWORD are needed");
    if (!whole(&e->global, false) || !whole(&e->skc, false))
        return FAIL(INPUT, "a ..._USERNAME and its ..._PASSWORD go together");
    for (size_t i = 0; i < POPULATE_COMPONENTS; i++)
        if (!whole(&e->of[i].user, false))
            return FAIL(INPUT, "a ..._SERVICE_USERNAME and its ..._SERVICE_PASSWORD go together");
    return OK;
}

int populate_env_load(const char *path, struct populate_env *out)
{
    struct populate_env e owned(populate_env_done) = { 0 };

    int rc = env_load(path, populate_keys, sizeof(populate_keys) / sizeof(populate_keys[0]), &e);
    struct err bad = rc ? OK : check(&e);
    if (failed(bad))
        rc = print_failure(bad, path, "docs/env-files.md has all keys");
    if (rc)
        return rc;
    *out = e;
    e = (struct populate_env){ 0 };
    return EXIT_OK;
}

#define AT(member) offsetof(struct roles_conf, member)
static const struct env_key roles_keys[] = {
    { "AAS_PORT", AT(aas_port), env_take_port },
    { "AAS_IP", AT(aas_ip), env_take_name },
    { "SKC_USER", AT(skc.name), env_take_name },
    { "SKC_USER_PASSWORD", AT(skc.password), take_password },
    { "ADMIN_USERNAME", AT(admin.name), env_take_name },
    { "ADMIN_PASSWORD", AT(admin.password), take_password },
    { "PERMISSION", AT(permission), env_take_text },
};

int roles_conf_load(const char *path, struct roles_conf *out)
{
    struct roles_conf c owned(roles_conf_done) = { 0 };

    int rc = env_load(path, roles_keys, sizeof(roles_keys) / sizeof(roles_keys[0]), &c);
    struct err bad = OK;
    if (!rc && (!c.aas_ip || !c.aas_port || !whole(&c.skc, true) || !whole(&c.admin, true) ||
                !c.permission))
        bad = FAIL(INPUT, "AAS_IP, AAS_PORT, SKC_USER, SKC_USER_PASSWORD, ADMIN_USERNAME, "
                          "ADMIN_PASSWORD and PERMISSION are all needed");
    if (failed(bad))
        rc = print_failure(bad, path, "docs/env-files.md says what each is");
    if (rc)
        return rc;
    *out = c;
    c = (struct roles_conf){ 0 };
    return EXIT_OK;
}
