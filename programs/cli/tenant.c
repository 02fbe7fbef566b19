// SPDX-License-Identifier: Apache-2.0
/* warder tenant: who shares this system. For users of the operator's own tenant, default. */
#include "cli/cli.h"
#include "cli/secret_input.h"

static int send(struct session *s, const char *name, const char *administrator,
                const struct secret *password, json_t **answer)
{
    struct buf reply owned(buf_done) = buf_of(64U << 10);
    owned(json_free) json_t *body = json_object();

    json_set_str(body, "name", name);
    json_set_str(body, "administrator", administrator);
    char *text owned(free) = password_body(body, password);
    if (!text)
        return print_failure(FAIL(SYSTEM, "memory"), "password", NULL);
    int rc = session_call_raw(s, SERVICE_AAS, "POST", "/aas/v1/tenants", "application/json",
                              span_str(text), true, &reply);
    wipe(text, strlen(text));
    if (rc)
        return rc;
    struct err e = json_parse_object(buf_span(&reply), answer);
    return failed(e) ? print_failure(e, "answer", NULL) : EXIT_OK;
}

static int create(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *name, *administrator = "admin", *password_file = NULL;
    struct session s owned(session_close) = { 0 };
    owned(secret_free) struct secret *password = NULL;
    owned(json_free) json_t *answer = NULL;
    const struct option_row rows[] = {
        { "admin", 0, OPTION_TEXT, "NAME", "its first user (default admin)", &administrator },
        { "password-file", 0, OPTION_TEXT, "FILE",
          "that user's: one line, mode 0600 (default: asked at the terminal)", &password_file },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder tenant create", "NAME", "make a tenant with its first administrator",
        "That user logs in with 'warder token get --tenant NAME' and may do everything there."
    };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, &name, &options, &s, &rc))
        return rc;
    rc = read_password(password_file, "Password of the tenant's administrator", true, &password);
    if (!rc)
        rc = send(&s, name, administrator, password, &answer);
    if (!rc)
        rc = session_answer(&s, answer);
    return rc;
}

static int list(int argc, char **argv)
{
    static const struct column columns[] = { { "name", "NAME" },
                                             { "created_at", "CREATED" },
                                             { 0 } };
    return list_rows(argc, argv, SERVICE_AAS, "/aas/v1/tenants", "warder tenant list",
                     "all tenants", columns);
}

static int show(int argc, char **argv)
{
    return show_one(argc, argv, SERVICE_AAS, "/aas/v1/tenants/", "warder tenant show", "a tenant");
}

static int delete (int argc, char **argv)
{
    return delete_one(argc, argv, SERVICE_AAS, "/aas/v1/tenants/", "warder tenant delete",
                      "end a tenant: its users and roles go, its keys stay with the broker");
}

int cli_tenant(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "create", create, "make a tenant with its first administrator" },
        { "list", list, "all tenants" },
        { "show", show, "a tenant" },
        { "delete", delete, "end a tenant: its users and roles go" },
        { 0 },
    };
    return verb_dispatch("warder tenant", "tenants of the whole system", verbs, argc, argv);
}
