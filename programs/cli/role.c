// SPDX-License-Identifier: Apache-2.0
/* warder role: roles, and who has them. A role is named by its id or as SERVICE:NAME[:CONTEXT]. */
#include "access/user.h"

#include "cli/cli.h"

#define PATH_BYTES_MAX 4096

struct role_options {
    struct session_options session;
    const char *permissions, *user, *service, *name;
    const char *operands[2];
};

struct role_name {
    struct span service, name, context;
};

static bool split_name(const char *text, struct role_name *out)
{
    struct span all = span_str(text);
    size_t colon = span_find(all, SPAN(":"));

    out->service = span_head(all, colon);
    struct span rest = span_tail(all, colon < all.len ? colon + 1 : colon);
    colon = span_find(rest, SPAN(":"));
    out->name = span_head(rest, colon);
    out->context = colon < rest.len ? span_tail(rest, colon + 1) : (struct span){ 0 };
    return out->service.len && out->name.len;
}

static void add_query(struct buf *path, const char *name, struct span value)
{
    buf_addf(path, "%c%s=", span_find(buf_span(path), SPAN("?")) < path->len ? '&' : '?', name);
    for (size_t i = 0; i < value.len; i++)
        buf_addf(path, "%%%02X", value.at[i]);
}

static int bad_name(const char *text)
{
    fprintf(stderr,
            "warder: not a role: %.80s\n  give its id or SERVICE:NAME[:CONTEXT]; 'warder role "
            "list' shows them\n",
            text);
    return EXIT_USAGE;
}

/* The role of an operand, new reference. */
static int find_role(struct session *s, const char *text, json_t **out)
{
    struct buf path owned(buf_done) = buf_of(PATH_BYTES_MAX);
    owned(json_free) json_t *list = NULL;
    struct role_name n;
    size_t i;
    json_t *role;

    if (uuid_valid(span_str(text))) {
        buf_addf(&path, "/aas/v1/roles/%s", text);
        return session_call(s, SERVICE_AAS, "GET", buf_str(&path), NULL, out);
    }
    if (!split_name(text, &n))
        return bad_name(text);
    buf_add_str(&path, "/aas/v1/roles");
    add_query(&path, "service", n.service);
    add_query(&path, "name", n.name);
    int rc = session_call(s, SERVICE_AAS, "GET", buf_str(&path), NULL, &list);
    if (rc)
        return rc;
    json_array_foreach(list, i, role)
    {
        if (span_equal_str(n.context, json_string_value(json_object_get(role, "context")))) {
            *out = json_incref(role);
            return EXIT_OK;
        }
    }
    fprintf(stderr,
            "warder: there is no role %.200s\n  'warder role list' shows them; 'warder role "
            "create' makes one\n",
            text);
    return EXIT_ERROR;
}

static const char *id_of(const json_t *role)
{
    const char *id = json_string_value(json_object_get(role, "role_id"));

    return id && uuid_valid(span_str(id)) ? id : "";
}

static int user_path(const char *user, const char *rest, struct buf *path)
{
    if (!user_name_valid(span_str(user)) && !uuid_valid(span_str(user))) {
        fprintf(stderr, "warder: not a user name: %.80s\n", user);
        return EXIT_USAGE;
    }
    buf_addf(path, "/aas/v1/users/%s/roles%s%s", user, *rest ? "/" : "", rest);
    return EXIT_OK;
}

static json_t *rules_of(const char *list)
{
    json_t *rules = json_array();
    struct span rest = span_str(list);

    while (rest.len) {
        size_t comma = span_find(rest, SPAN(","));
        struct span rule = span_head(rest, comma);
        json_array_append_new(rules, json_stringn((const char *)rule.at, rule.len));
        rest = comma < rest.len ? span_tail(rest, comma + 1) : (struct span){ 0 };
    }
    return rules;
}

static int create(int argc, char **argv)
{
    struct role_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *body = json_object();
    owned(json_free) json_t *answer = NULL;
    struct role_name n;
    const struct option_row rows[] = {
        { "permissions", 0, OPTION_TEXT, "RULES",
          "what it allows, comma-separated: keys:create,keys:search:*", &o.permissions },
        SESSION_OPTIONS(o.session),
        { 0 },
    };
    const struct command_help help = {
        "warder role create", "SERVICE:NAME[:CONTEXT]", "make a role",
        "Examples:\n"
        "  warder role create KBS:KeyTransfer:permissions=nginx,USA\n"
        "  warder role create 'CMS:CertApprover:CN=nginx;SAN=localhost,127.0.0.1;CERTTYPE=TLS'\n"
        "  warder role create KBS:KeyCRUD --permissions 'keys:*:*,key_transfer_policies:*:*'"
    };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, o.operands, &o.session, &s, &rc))
        return rc;
    if (!split_name(o.operands[0], &n))
        return bad_name(o.operands[0]);
    json_set_span(body, "service", n.service);
    json_set_span(body, "name", n.name);
    json_set_span(body, "context", n.context);
    json_object_set_new(body, "permissions", rules_of(o.permissions));
    rc = session_call(&s, SERVICE_AAS, "POST", "/aas/v1/roles", body, &answer);
    if (rc)
        return rc;
    return session_answer(&s, answer);
}

static int list(int argc, char **argv)
{
    struct role_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(PATH_BYTES_MAX);
    owned(json_free) json_t *answer = NULL;
    const struct option_row rows[] = {
        { "user", 0, OPTION_TEXT, "NAME", "only the roles of this user", &o.user },
        { "service", 0, OPTION_TEXT, "NAME", "only those of this service, for example KBS",
          &o.service },
        { "name", 0, OPTION_TEXT, "NAME", "only those of this name", &o.name },
        SESSION_OPTIONS(o.session),
        { 0 },
    };
    const struct command_help help = { "warder role list", "", "all roles, or those of a user",
                                       NULL };
    static const struct column columns[] = {
        { "service", "SERVICE" },         { "name", "ROLE" },  { "context", "CONTEXT" },
        { "permissions", "PERMISSIONS" }, { "role_id", "ID" }, { 0 }
    };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 0, o.operands, &o.session, &s, &rc))
        return rc;
    if (o.user)
        rc = user_path(o.user, "", &path);
    if (rc)
        return rc;
    if (!o.user)
        buf_add_str(&path, "/aas/v1/roles");
    if (o.service)
        add_query(&path, "service", span_str(o.service));
    if (o.name)
        add_query(&path, "name", span_str(o.name));
    rc = session_call(&s, SERVICE_AAS, "GET", buf_str(&path), NULL, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(answer);
    else
        print_table(answer, columns);
    return EXIT_OK;
}

static int show(int argc, char **argv)
{
    struct role_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *role = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = { "warder role show", "ID|SERVICE:NAME[:CONTEXT]", "one role",
                                       NULL };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, o.operands, &o.session, &s, &rc))
        return rc;
    rc = find_role(&s, o.operands[0], &role);
    if (rc)
        return rc;
    return session_answer(&s, role);
}

static int delete (int argc, char **argv)
{
    struct role_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(PATH_BYTES_MAX);
    owned(json_free) json_t *role = NULL;
    owned(json_free) json_t *answer = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = { "warder role delete", "ID|SERVICE:NAME[:CONTEXT]",
                                       "remove a role, also from all users that have it", NULL };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, o.operands, &o.session, &s, &rc))
        return rc;
    rc = find_role(&s, o.operands[0], &role);
    if (!rc) {
        buf_addf(&path, "/aas/v1/roles/%s", id_of(role));
        rc = session_call(&s, SERVICE_AAS, "DELETE", buf_str(&path), NULL, &answer);
    }
    if (!rc && s.json)
        puts("{}");
    return rc;
}

static int change(int argc, char **argv, const struct command_help *help, bool granting)
{
    struct role_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(PATH_BYTES_MAX);
    owned(json_free) json_t *role = NULL;
    owned(json_free) json_t *body = NULL;
    owned(json_free) json_t *answer = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };

    int rc;
    if (!verb_session(argc, argv, rows, help, 2, o.operands, &o.session, &s, &rc))
        return rc;
    rc = find_role(&s, o.operands[1], &role);
    if (!rc)
        rc = user_path(o.operands[0], granting ? "" : id_of(role), &path);
    if (!rc && granting)
        body = json_pack("{s:[s]}", "role_ids", id_of(role));
    if (!rc)
        rc = session_call(&s, SERVICE_AAS, granting ? "POST" : "DELETE", buf_str(&path), body,
                          &answer);
    if (!rc && s.json)
        puts("{}");
    return rc;
}

static int give(int argc, char **argv)
{
    const struct command_help help = { "warder role grant", "USER ID|SERVICE:NAME[:CONTEXT]",
                                       "give a user a role",
                                       "It stands in the user's next token: warder token get." };
    return change(argc, argv, &help, true);
}

static int take(int argc, char **argv)
{
    const struct command_help help = {
        "warder role revoke", "USER ID|SERVICE:NAME[:CONTEXT]", "take a role from a user",
        "Other services honour a token that has it until the token ends."
    };
    return change(argc, argv, &help, false);
}

int cli_role(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "create", create, "make a role" },
        { "list", list, "all roles, or those of a user" },
        { "show", show, "one role" },
        { "delete", delete, "remove a role" },
        { "grant", give, "give a user a role" },
        { "revoke", take, "take a role from a user" },
        { 0 },
    };
    return verb_dispatch("warder role", "roles, and who has them", verbs, argc, argv);
}
