// SPDX-License-Identifier: Apache-2.0
#include "cli/populate.h"

#include "cli/aas_admin.h"
#include "cli/populate_env.h"

#define CA_DEFAULT "/etc/warder/tls/ca.pem"
#define CONTEXT_MAX 512

struct options {
    const char *env, *ca, *output;
    bool json;
};

/* False: over, with the exit status. */
static bool read_options(int argc, char **argv, const struct command_help *help,
                         const char *env_help, struct options *o, int *rc)
{
    *o = (struct options){ .ca = CA_DEFAULT };
    const struct option_row rows[] = {
        { "env", 0, OPTION_TEXT, "FILE", env_help, &o->env },
        { "ca", 0, OPTION_TEXT, "FILE", "CA of AAS's certificate (default " CA_DEFAULT ")",
          &o->ca },
        OUTPUT_OPTION(o->output),
        { 0 },
    };

    if (!verb_options(argc, argv, rows, help, 0, NULL, rc))
        return false;
    *rc = EXIT_USAGE;
    if (!o->env) {
        fprintf(stderr, "%s needs --env FILE\n", help->name);
        return false;
    }
    return output_is_json(o->output, &o->json);
}

static int answer(const struct options *o, const char *user, const struct secret *token)
{
    const char *text = (const char *)secret_expose(token).at;

    if (!o->json) {
        puts(text);
        return EXIT_OK;
    }
    json_t *out owned(json_free) = json_object();
    json_set_str(out, "username", user);
    json_set_str(out, "token", text);
    print_json(out);
    return EXIT_OK;
}

/* CertApprover for one certificate; `names` NULL: a client's. */
static int may_have_certificate(struct aas_admin *a, const char *user, const char *common_name,
                                const char *names)
{
    char context[CONTEXT_MAX];
    const struct aas_role role = { "CMS", "CertApprover", context, { NULL } };

    int len =
        names ? snprintf(context, sizeof(context), "CN=%s;SAN=%s;CERTTYPE=TLS", common_name, names)
              : snprintf(context, sizeof(context), "CN=%s;CERTTYPE=TLS-Client", common_name);
    if (len >= (int)sizeof(context))
        return print_failure(FAIL(LIMIT, "its names have more than 512 characters"), common_name,
                             "name fewer hosts");
    return aas_have_role(a, user, &role);
}

/* A workload's user: keys of policies that ask for these permissions, and its client certificate.
 */
static int have_workload(struct aas_admin *a, const struct account *user, const char *common_name,
                         const char *context)
{
    const struct aas_role transfer = { "KBS", "KeyTransfer", context, { NULL } };

    int rc = aas_have_user(a, user->name, user->password);
    if (!rc)
        rc = aas_have_role(a, user->name, &transfer);
    return rc ? rc : may_have_certificate(a, user->name, common_name, NULL);
}

static bool is_listed(const char *list, const char *name)
{
    for (struct span rest = span_str(list); rest.len;) {
        size_t end = span_find(rest, SPAN(","));
        struct span word = span_head(rest, end);
        rest = span_tail(rest, end < rest.len ? end + 1 : end);
        while (word.len && word.at[0] == ' ')
            word = span_tail(word, 1);
        while (word.len && word.at[word.len - 1] == ' ')
            word = span_head(word, word.len - 1);
        if (span_equal_str(word, name))
            return true;
    }
    return false;
}

/* Its own account, and the installer's right to its certificate. */
static int have_component(struct aas_admin *a, const struct populate_env *e, size_t i)
{
    static const struct aas_role reader = {
        "AAS", "UserReader", "", { "users:search:*", "user_roles:search:*", NULL }
    };
    const struct component *c = &e->of[i];
    const char *name = populate_component(i);
    char common_name[64];
    int rc = EXIT_OK;

    if (!c->names) {
        fprintf(stderr,
                "warder: ISECL_INSTALL_COMPONENTS names %s\n  its hosts are missing: "
                "%s_CERT_SAN_LIST\n",
                name, name);
        return EXIT_ERROR;
    }
    if (c->user.name)
        rc = aas_have_user(a, c->user.name, c->user.password);
    if (!rc && c->user.name && !strcmp(name, "KBS"))
        rc = aas_have_role(a, c->user.name, &reader);
    snprintf(common_name, sizeof(common_name), "%s TLS Certificate", name);
    return rc ? rc
              : may_have_certificate(a, e->installer.name,
                                     c->common_name ? c->common_name : common_name, c->names);
}

static int have_global_administrator(struct aas_admin *a, const struct account *user)
{
    static const char *const services[] = { "AAS", "KBS", "AS", "CMS", "TCS" };

    int rc = aas_have_user(a, user->name, user->password);
    for (size_t i = 0; !rc && i < sizeof(services) / sizeof(services[0]); i++)
        rc = aas_have_role(
            a, user->name,
            &(const struct aas_role){ services[i], "Administrator", "", { "*:*:*", NULL } });
    return rc;
}

static int have_all(struct aas_admin *a, const struct populate_env *e)
{
    int rc = aas_have_user(a, e->installer.name, e->installer.password);

    for (size_t i = 0; !rc && populate_component(i); i++)
        if (is_listed(e->components, populate_component(i)))
            rc = have_component(a, e, i);
    if (!rc && e->global.name)
        rc = have_global_administrator(a, &e->global);
    if (!rc && e->skc.name)
        rc = have_workload(a, &e->skc, e->skc_common_name ? e->skc_common_name : e->skc.name,
                           e->skc_context ? e->skc_context : "permissions=nginx,USA");
    return rc;
}

/* Each word of the list is a component that is known, or is none that needs anything. */
static int check_components(const char *list)
{
    static const char *const without[] = { "AAS", "CMS", "SKC-LIBRARY", "SKC_LIBRARY" };
    char *copy owned(free) = strdup(list), *save = NULL;

    for (char *word = copy ? strtok_r(copy, ", ", &save) : NULL; word;
         word = strtok_r(NULL, ", ", &save)) {
        bool known = false;
        for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
            known = known || !strcmp(word, without[i]);
        for (size_t i = 0; populate_component(i); i++)
            known = known || !strcmp(word, populate_component(i));
        if (!known) {
            fprintf(stderr,
                    "warder: ISECL_INSTALL_COMPONENTS: no such component: %.80s\n  there are AAS, "
                    "CMS, KBS, SCS, SQVS, SHVS, TCS, QVS, APS and SKC-LIBRARY\n",
                    word);
            return EXIT_ERROR;
        }
    }
    return EXIT_OK;
}

int aas_populate(int argc, char **argv)
{
    struct populate_env env owned(populate_env_done) = { 0 };
    struct aas_admin a owned(aas_admin_close) = { 0 };
    struct secret *token owned(secret_free) = NULL;
    struct options o;
    const struct command_help help = {
        "warder aas populate", "",
        "make the users and roles of a populate-users.env, and print the installer's token",
        "What is there already stays. The token is the BEARER_TOKEN of the other services' env\n"
        "files."
    };
    int rc;

    if (!read_options(argc, argv, &help, "the populate-users.env, mode 0600", &o, &rc))
        return rc;
    rc = populate_env_load(o.env, &env);
    if (!rc)
        rc = check_components(env.components);
    if (!rc)
        rc = aas_admin_open(env.aas_url, o.ca, &a);
    if (!rc)
        rc = aas_admin_login(&a, env.admin.name, env.admin.password,
                             "AAS_ADMIN_USERNAME and AAS_ADMIN_PASSWORD");
    if (!rc)
        rc = have_all(&a, &env);
    if (!rc)
        rc = aas_token_of(&a, env.installer.name, env.installer.password,
                          "INSTALL_ADMIN_USERNAME and INSTALL_ADMIN_PASSWORD", &token);
    return rc ? rc : answer(&o, env.installer.name, token);
}

int aas_skc_user(int argc, char **argv)
{
    struct roles_conf conf owned(roles_conf_done) = { 0 };
    struct aas_admin a owned(aas_admin_close) = { 0 };
    struct secret *token owned(secret_free) = NULL;
    struct options o;
    char url[512], context[CONTEXT_MAX];
    const struct command_help help = {
        "warder aas skc-user", "",
        "make the workload's user and roles of a create_roles.conf, and print its token",
        "What is there already stays. The token is SKC_TOKEN of skc_library.conf."
    };
    int rc;

    if (!read_options(argc, argv, &help, "the create_roles.conf, mode 0600", &o, &rc))
        return rc;
    rc = roles_conf_load(o.env, &conf);
    if (rc)
        return rc;
    bool v6 = strchr(conf.aas_ip, ':') != NULL;
    snprintf(url, sizeof(url), "https://%s%s%s:%u/aas/v1", v6 ? "[" : "", conf.aas_ip,
             v6 ? "]" : "", conf.aas_port);
    if (snprintf(context, sizeof(context), "permissions=%s", conf.permission) >=
        (int)sizeof(context))
        return print_failure(FAIL(LIMIT, "PERMISSION is too long"), o.env, NULL);
    rc = aas_admin_open(url, o.ca, &a);
    if (!rc)
        rc = aas_admin_login(&a, conf.admin.name, conf.admin.password,
                             "ADMIN_USERNAME and ADMIN_PASSWORD");
    if (!rc)
        rc = have_workload(&a, &conf.skc, conf.skc.name, context);
    if (!rc)
        rc = aas_token_of(&a, conf.skc.name, conf.skc.password, "SKC_USER and SKC_USER_PASSWORD",
                          &token);
    return rc ? rc : answer(&o, conf.skc.name, token);
}
