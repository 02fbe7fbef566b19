// SPDX-License-Identifier: Apache-2.0
/* warder token: log in, and look at what one has. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/secret_input.h"
#include "crypto/random.h"

#define TOKEN_BYTES_MAX (16U << 10)

struct token_options {
    struct session_options session;
    const char *username, *tenant, *password_file, *out, *subject_token;
};

static bool begin(int argc, char **argv, const struct option_row *rows,
                  const struct command_help *help, struct token_options *o, struct session *s,
                  int *rc)
{
    if (!verb_options(argc, argv, rows, help, 0, NULL, rc))
        return false;
    *rc = session_open(&o->session, s);
    return *rc == EXIT_OK;
}

/* Claims without a check of the signature: for the holder to look at, never to decide on. */
static fallible read_claims(struct span token, json_t **out)
{
    struct buf json owned(buf_done) = buf_of(TOKEN_BYTES_MAX);
    struct span rest = span_tail(token, span_find(token, SPAN(".")));

    if (!rest.len)
        return FAIL(INPUT, "not a token");
    rest = span_tail(rest, 1);
    TRY(base64url_parse(span_head(rest, span_find(rest, SPAN("."))), &json));
    TRY(json_parse_object(buf_span(&json), out));
    return OK;
}

static void set_time(json_t *out, const char *name, const json_t *claims, const char *claim)
{
    char text[CLOCK_TEXT_MAX];
    uint64_t at = 0;

    if (!failed(json_get_u64(claims, claim, INT64_MAX, "time", &at)))
        json_set_str(out, name, clock_format((int64_t)at, text));
}

/* What stands in a token, without the token. */
static json_t *describe(const json_t *claims, const char *file)
{
    json_t *out = json_object();
    uint64_t expires_at = 0;

    json_object_set(out, "username", json_object_get(claims, "sub"));
    json_object_set(out, "tenant", json_object_get(claims, "tenant"));
    set_time(out, "issued_at", claims, "iat");
    set_time(out, "expires_at", claims, "exp");
    if (!failed(json_get_u64(claims, "exp", INT64_MAX, "exp", &expires_at)))
        json_set_bool(out, "expired", (int64_t)expires_at <= clock_now());
    json_set_str(out, "token_file", file);
    return out;
}

static int fetch(struct session *s, const char *username, const char *tenant,
                 const struct secret *password, struct buf *token)
{
    owned(json_free) json_t *body = json_object();

    json_set_str(body, "username", username);
    json_set_str(body, "tenant", tenant);
    char *text owned(free) = password_body(body, password);
    if (!text)
        return print_failure(FAIL(SYSTEM, "memory"), "login", NULL);
    int rc = session_call_raw(s, SERVICE_AAS, "POST", "/aas/v1/token", "application/json",
                              span_str(text), false, token);
    wipe(text, strlen(text));
    return rc;
}

static int keep(const struct session *s, const struct token_options *o, struct span token)
{
    const char *file = o->out ? o->out : s->token_file;
    owned(json_free) json_t *claims = NULL;

    struct err e = read_claims(token, &claims);
    if (failed(e))
        return print_failure(e, "answer", "is this address really Warder's?");
    if (!file && !s->json) { /* nowhere to keep it: the token itself is the answer */
        printf("%.*s\n", (int)token.len, (const char *)token.at);
        return EXIT_OK;
    }
    if (file)
        e = file_write(file, token, 0600);
    if (failed(e))
        return print_failure(e, file, "choose another place with --out FILE");
    owned(json_free) json_t *about = describe(claims, file);
    if (!file)
        json_set_span(about, "token", token);
    if (s->json)
        print_json(about);
    else
        print_object(about);
    return EXIT_OK;
}

static int get(int argc, char **argv)
{
    struct token_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(secret_free) struct secret *password = NULL;
    struct buf token owned(buf_done) = buf_of(TOKEN_BYTES_MAX);
    const struct option_row rows[] = {
        { "username", 0, OPTION_TEXT, "NAME", "who logs in (default: [login] username)",
          &o.username },
        { "tenant", 0, OPTION_TEXT, "NAME", "whose user (default: [login] tenant, or default)",
          &o.tenant },
        { "password-file", 0, OPTION_TEXT, "FILE",
          "one line, mode 0600 (default: asked at the terminal)", &o.password_file },
        { "out", 0, OPTION_TEXT, "FILE",
          "where the token goes, mode 0600 (default: [login] token_file)", &o.out },
        SESSION_OPTIONS(o.session),
        { 0 },
    };
    const struct command_help help = {
        "warder token get", "", "log in: a bearer token for the other commands",
        "Without --out and a configured token file the token is printed."
    };

    int rc;
    if (!begin(argc, argv, rows, &help, &o, &s, &rc))
        return rc;
    const char *username = o.username ? o.username : s.username;
    if (!username) {
        fprintf(stderr, "warder: who logs in? give --username NAME, or set [login] username in the "
                        "configuration\n");
        return EXIT_USAGE;
    }
    rc = read_password(o.password_file, "Password", false, &password);
    if (!rc)
        rc = fetch(&s, username, o.tenant ? o.tenant : s.tenant, password, &token);
    return rc ? rc : keep(&s, &o, buf_span(&token));
}

static int trade(struct session *s, const struct secret *theirs, struct buf *token)
{
    owned(json_free) json_t *body = json_object(), *answer = NULL;
    struct span text = secret_expose(theirs), given = { 0 };

    while (text.len && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text = span_head(text, text.len - 1);
    json_set_str(body, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    json_set_str(body, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
    json_set_span(body, "subject_token", text);
    char *sent owned(free) = json_text(body);
    struct buf reply owned(buf_done) = buf_of(TOKEN_BYTES_MAX * 2);
    int rc = session_call_raw(s, SERVICE_AAS, "POST", "/aas/v1/token", "application/json",
                              span_str(sent), false, &reply);
    if (rc)
        return rc;
    struct err e = json_parse_object(buf_span(&reply), &answer);
    if (!failed(e))
        e = json_get_str(answer, "access_token", "access_token", &given);
    buf_add(token, given);
    return failed(e) ? print_failure(e, "answer", NULL) : EXIT_OK;
}

static int exchange(int argc, char **argv)
{
    struct token_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(secret_free) struct secret *theirs = NULL;
    struct buf token owned(buf_done) = buf_of(TOKEN_BYTES_MAX);
    const struct option_row rows[] = {
        { "subject-token", 0, OPTION_TEXT, "FILE", "a token of another issuer, a file of mode 0600",
          &o.subject_token },
        { "out", 0, OPTION_TEXT, "FILE",
          "where the token goes, mode 0600 (default: [login] token_file)", &o.out },
        SESSION_OPTIONS(o.session),
        { 0 },
    };
    const struct command_help help = { "warder token exchange", "",
                                       "a token for one of another issuer, such as an OpenID "
                                       "Connect provider",
                                       NULL };

    int rc;
    if (!begin(argc, argv, rows, &help, &o, &s, &rc))
        return rc;
    if (!o.subject_token) {
        fprintf(stderr, "warder: whose token? give --subject-token FILE\n");
        return EXIT_USAGE;
    }
    struct err e = secret_load(o.subject_token, &theirs);
    if (failed(e))
        return print_failure(e, o.subject_token, "a token's file is of mode 0600");
    rc = trade(&s, theirs, &token);
    return rc ? rc : keep(&s, &o, buf_span(&token));
}

/* Roles as SERVICE:NAME[:CONTEXT], rules as SERVICE RULE: one string each, for people. */
static void set_words(json_t *out, const json_t *claims)
{
    json_t *roles = json_array(), *rules = json_array();
    size_t i, j;
    json_t *entry, *rule;

    json_array_foreach(json_object_get(claims, "roles"), i, entry)
    {
        const char *context = json_string_value(json_object_get(entry, "context"));
        json_array_append_new(
            roles, json_sprintf("%s:%s%s%s", json_string_value(json_object_get(entry, "service")),
                                json_string_value(json_object_get(entry, "name")),
                                context && *context ? ":" : "", context ? context : ""));
    }
    json_array_foreach(json_object_get(claims, "permissions"), i, entry)
        json_array_foreach(json_object_get(entry, "rules"), j, rule) json_array_append_new(
            rules, json_sprintf("%s %s", json_string_value(json_object_get(entry, "service")),
                                json_string_value(rule)));
    json_object_set_new(out, "roles", roles);
    json_object_set_new(out, "permissions", rules);
}

static int show(int argc, char **argv)
{
    struct token_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(secret_free) struct secret *token = NULL;
    owned(json_free) json_t *claims = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = { "warder token show", "",
                                       "whose token one has, until when, and what it allows",
                                       NULL };

    int rc;
    if (!begin(argc, argv, rows, &help, &o, &s, &rc))
        return rc;
    if (!s.token_file || !file_exists(s.token_file)) {
        fprintf(stderr, "warder: there is no token\n  get one: warder token get --username NAME\n");
        return EXIT_ERROR;
    }
    struct err e = secret_load(s.token_file, &token);
    if (!failed(e))
        e = read_claims(secret_expose(token), &claims);
    if (failed(e))
        return print_failure(e, s.token_file, "get a new one: warder token get");
    owned(json_free) json_t *about = describe(claims, s.token_file);
    if (s.json) {
        json_object_set(about, "roles", json_object_get(claims, "roles"));
        json_object_set(about, "permissions", json_object_get(claims, "permissions"));
        print_json(about);
    } else {
        set_words(about, claims);
        print_object(about);
    }
    return EXIT_OK;
}

/* The id of a token that one has as a file, or the id itself. */
static int read_id(const char *given, char id[UUID_TEXT_SIZE])
{
    owned(secret_free) struct secret *token = NULL;
    owned(json_free) json_t *claims = NULL;
    struct span jti = span_str(given);

    if (!uuid_valid(jti)) {
        struct err e = secret_load(given, &token);
        if (!failed(e))
            e = read_claims(secret_expose(token), &claims);
        if (!failed(e))
            e = json_get_str(claims, "jti", "the token has no id", &jti);
        if (failed(e))
            return print_failure(e, given, "give a token's file, or its id (jti)");
    }
    if (!uuid_valid(jti))
        return print_failure(FAIL(INPUT, "the token's id is not one of ours"), given, NULL);
    snprintf(id, UUID_TEXT_SIZE, "%.*s", (int)jti.len, (const char *)jti.at);
    return EXIT_OK;
}

static int end_token(int argc, char **argv)
{
    struct token_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *answer = NULL, *body = NULL;
    char id[UUID_TEXT_SIZE];
    const char *given;
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = { "warder token revoke", "FILE|ID",
                                       "end one token before its time",
                                       "All of a user: warder user revoke." };

    int rc;
    if (!verb_session(argc, argv, rows, &help, 1, &given, &o.session, &s, &rc))
        return rc;
    rc = read_id(given, id);
    if (rc)
        return rc;
    body = json_pack("{s:s}", "jti", id);
    rc = session_call(&s, SERVICE_AAS, "POST", "/aas/v1/revocations", body, &answer);
    if (!rc && s.json)
        puts("{}");
    return rc;
}

static int revocations(int argc, char **argv)
{
    struct token_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf text owned(buf_done) = buf_of(JWT_TEXT_MAX);
    const struct option_row rows[] = {
        { "out", 0, OPTION_TEXT, "FILE",
          "where the list goes: FILE.revoked beside the pinned keys FILE", &o.out },
        SESSION_OPTIONS(o.session),
        { 0 },
    };
    const struct command_help help = { "warder token revocations", "",
                                       "fetch the signed list of tokens that have ended",
                                       "For a host to which the file of the authentication service "
                                       "does not come by itself; from a "
                                       "timer, more often than a token lives." };

    int rc;
    if (!begin(argc, argv, rows, &help, &o, &s, &rc))
        return rc;
    rc = session_call_raw(&s, SERVICE_AAS, "GET", "/aas/v1/revocations", NULL, (struct span){ 0 },
                          false, &text);
    if (rc)
        return rc;
    if (!o.out) {
        printf("%s\n", buf_str(&text));
        return EXIT_OK;
    }
    struct err e = file_write(o.out, buf_span(&text), 0644);
    return failed(e) ? print_failure(e, o.out, NULL) : EXIT_OK;
}

static int rotate_keys(int argc, char **argv)
{
    struct token_options o = { 0 };
    struct session s owned(session_close) = { 0 };
    owned(json_free) json_t *answer = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(o.session), { 0 } };
    const struct command_help help = {
        "warder token rotate-keys", "", "have the next key made that signs bearer tokens",
        "It is published at once and signs once it was announced for long enough."
    };

    int rc;
    if (!begin(argc, argv, rows, &help, &o, &s, &rc))
        return rc;
    rc = session_call(&s, SERVICE_AAS, "POST", "/aas/v1/jwks/rotate", NULL, &answer);
    if (!rc)
        print_json(answer);
    return rc;
}

int cli_token(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "get", get, "log in" },
        { "exchange", exchange, "a token for one of another issuer" },
        { "show", show, "whose token one has, and what it allows" },
        { "revoke", end_token, "end one token before its time" },
        { "revocations", revocations, "fetch the signed list of tokens that have ended" },
        { "rotate-keys", rotate_keys, "have the next key made that signs bearer tokens" },
        { 0 },
    };
    return verb_dispatch("warder token", "bearer tokens", verbs, argc, argv);
}
