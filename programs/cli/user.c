// SPDX-License-Identifier: Apache-2.0
/* warder user: the accounts of the authentication service. */
#include "access/user.h"

#include "cli/cli.h"
#include "cli/secret_input.h"

#define PATH_BYTES_MAX 512

struct user_options {
    struct session_options session;
    const char *password_file, *name, *certificate;
    bool service;
};

#define PASSWORD_OPTION(to)                                                                        \
    {                                                                                              \
        "password-file", 0, OPTION_TEXT, "FILE",                                                   \
            "one line, mode 0600 (default: asked at the terminal)", &(to)                          \
    }

/* The name becomes part of a path: nothing that a path could be misread from. */
static int name_path(const char *name, char path[PATH_BYTES_MAX])
{
    if (!user_name_valid(span_str(name)) && !uuid_valid(span_str(name))) {
        fprintf(
            stderr,
            "warder: not a user name: 1 to 128 of A-Z a-z 0-9 _ . @ -, a letter or digit first\n");
        return EXIT_USAGE;
    }
    snprintf(path, PATH_BYTES_MAX, "/aas/v1/users/%s", name);
    return EXIT_OK;
}

static int send_password(struct session *s, const char *method, const char *path,
                         const char *username, const struct secret *password, json_t **answer)
{
    struct buf reply owned(buf_done) = buf_of(64U << 10);
    owned(json_free) json_t *body = json_object();

    json_set_str(body, "username", username);
    char *text owned(free) = password_body(body, password);
    if (!text)
        return print_failure(FAIL(SYSTEM, "memory"), "password", NULL);
    int rc = session_call_raw(s, SERVICE_AAS, method, path, "application/json", span_str(text),
                              true, &reply);
    wipe(text, strlen(text));
    if (rc)
        return rc;
    struct err e = json_parse_object(buf_span(&reply), answer);
    return failed(e) ? print_failure(e, "answer", NULL) : EXIT_OK;
}

/* A service has no password: with a certificate it needs nothing, else it is given a secret. */
static int make_service(struct session *s, const struct user_options *o, json_t **answer)
{
    owned(json_free) json_t *body = json_object();

    json_set_str(body, "username", o->name);
    json_set_str(body, "kind", "service");
    json_set_str(body, "certificate_sha256", o->certificate);
    return session_call(s, SERVICE_AAS, "POST", "/aas/v1/users", body, answer);
}

static int create(int argc, char **argv)
{
    struct user_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(secret_free) struct secret *password = NULL;
    owned(json_free) json_t *answer = NULL;
    char path[PATH_BYTES_MAX];
    const struct option_row rows[] = {
        PASSWORD_OPTION(o.password_file),
        { "service", 0, OPTION_FLAG, NULL,
          "a service: the answer has its secret, which is shown this once", &o.service },
        { "certificate", 0, OPTION_TEXT, "SHA256",
          "of a service: the TLS client certificate that it comes with, in place of a secret",
          &o.certificate },
        SESSION_OPTIONS(o.session),
        { 0 },
    };
    const struct command_help help = { "warder user create", "NAME", "make a user",
                                       "It has no roles yet: warder role grant." };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, &o.name, &o.session, &s, &rc))
        return rc;
    rc = name_path(o.name, path);
    if (!rc && o.service)
        rc = make_service(&s, &o, &answer);
    if (!rc && !o.service)
        rc = read_password(o.password_file, "Password of the new user", true, &password);
    if (!rc && !o.service)
        rc = send_password(&s, "POST", "/aas/v1/users", o.name, password, &answer);
    if (!rc)
        rc = session_answer(&s, answer);
    return rc;
}

static int password(int argc, char **argv)
{
    struct user_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(secret_free) struct secret *new_password = NULL;
    owned(json_free) json_t *answer = NULL;
    char path[PATH_BYTES_MAX];
    const struct option_row rows[] = {
        PASSWORD_OPTION(o.password_file),
        SESSION_OPTIONS(o.session),
        { 0 },
    };
    const struct command_help help = { "warder user password", "NAME",
                                       "give a user another password",
                                       "Tokens from before have ended." };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, &o.name, &o.session, &s, &rc))
        return rc;
    rc = name_path(o.name, path);
    if (!rc)
        rc = read_password(o.password_file, "New password", true, &new_password);
    if (!rc)
        rc = send_password(&s, "PATCH", path, NULL, new_password, &answer);
    if (!rc)
        rc = session_answer(&s, answer);
    return rc;
}

static int list(int argc, char **argv)
{
    struct user_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *answer = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = { "warder user list", "", "all users", NULL };
    static const struct column columns[] = { { "username", "NAME" },
                                             { "user_id", "ID" },
                                             { "created_at", "CREATED" },
                                             { "updated_at", "CHANGED" },
                                             { 0 } };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 0, &o.name, &o.session, &s, &rc))
        return rc;
    rc = session_call(&s, SERVICE_AAS, "GET", "/aas/v1/users", NULL, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(answer);
    else
        print_table(answer, columns);
    return EXIT_OK;
}

/* The user and its roles. */
static int show(int argc, char **argv)
{
    struct user_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *answer = NULL;
    json_t *roles = NULL;
    char path[PATH_BYTES_MAX];
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = { "warder user show", "NAME", "a user and its roles", NULL };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, &o.name, &o.session, &s, &rc))
        return rc;
    rc = name_path(o.name, path);
    if (!rc)
        rc = session_call(&s, SERVICE_AAS, "GET", path, NULL, &answer);
    if (rc)
        return rc;
    snprintf(path, sizeof(path), "/aas/v1/users/%s/roles", o.name);
    rc = session_call(&s, SERVICE_AAS, "GET", path, NULL, &roles);
    if (rc)
        return rc;
    static const struct column columns[] = { { "service", "SERVICE" },
                                             { "name", "ROLE" },
                                             { "context", "CONTEXT" },
                                             { "permissions", "PERMISSIONS" },
                                             { 0 } };
    if (!s.json) {
        print_object(answer);
        print_table(roles, columns);
    }
    json_object_set_new(answer, "roles", roles);
    if (s.json)
        print_json(answer);
    return EXIT_OK;
}

static int delete (int argc, char **argv)
{
    struct user_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *answer = NULL;
    char path[PATH_BYTES_MAX];
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = { "warder user delete", "NAME", "remove a user", NULL };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, &o.name, &o.session, &s, &rc))
        return rc;
    rc = name_path(o.name, path);
    if (!rc)
        rc = session_call(&s, SERVICE_AAS, "DELETE", path, NULL, &answer);
    if (!rc && s.json)
        puts("{}");
    return rc;
}

/* "NAME:SUBJECT", of another issuer: whatever else is in it is encoded. */
static int external_path(const char *name, char path[PATH_BYTES_MAX])
{
    struct buf out owned(buf_done) = buf_of(PATH_BYTES_MAX - 1);

    buf_add_str(&out, "/aas/v1/users/");
    for (const char *c = name; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || strchr("_.@:-", *c);
        buf_addf(&out, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    if (failed(buf_check(&out)))
        return print_failure(FAIL(LIMIT, "too long for a user's name"), name, NULL);
    snprintf(path, PATH_BYTES_MAX, "%s", buf_str(&out));
    return EXIT_OK;
}

/* What a POST to a part of the user does. */
static int post(int argc, char **argv, const struct command_help *help, const char *part)
{
    struct user_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *answer = NULL;
    char path[PATH_BYTES_MAX];
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };

    int rc;
    if (!verb_session(argc, argv, rows, help, 1, &o.name, &o.session, &s, &rc))
        return rc;
    rc = strchr(o.name, ':') ? external_path(o.name, path) : name_path(o.name, path);
    if (rc)
        return rc;
    snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", part);
    rc = session_call(&s, SERVICE_AAS, "POST", path, NULL, &answer);
    if (!rc && answer)
        rc = session_answer(&s, answer);
    else if (!rc && s.json)
        puts("{}");
    return rc;
}

static int end_tokens(int argc, char **argv)
{
    static const struct command_help help = { "warder user revoke", "NAME",
                                              "end all tokens that a user has",
                                              "A user of another issuer is NAME:SUBJECT." };
    return post(argc, argv, &help, "revoke");
}

static int secret(int argc, char **argv)
{
    static const struct command_help help = {
        "warder user secret", "NAME", "give a service another secret",
        "It is shown this once. The old one and tokens from before have ended."
    };
    return post(argc, argv, &help, "secret");
}

int cli_user(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "create", create, "make a user" },
        { "list", list, "all users" },
        { "show", show, "a user and its roles" },
        { "password", password, "give a user another password" },
        { "revoke", end_tokens, "end all tokens that a user has" },
        { "secret", secret, "give a service another secret" },
        { "delete", delete, "remove a user" },
        { 0 },
    };
    return verb_dispatch("warder user", "the accounts of the authentication service", verbs, argc,
                         argv);
}
