// SPDX-License-Identifier: Apache-2.0
/* The session of a verb: where the services are, whom to trust, which token to show. */
#include "cli/cli.h"

#include "base/file.h"
#include "crypto/secret.h"
#include "http/client.h"
#include "http/crl_watch.h"

#define TOKEN_MAX (16U << 10)
#define ANSWER_MAX (8U << 20)

const char *service_name(enum service service)
{
    static const char *const names[SERVICE_COUNT] = { "kbs", "aas", "cms", "as", "qvs", "tcs" };
    return names[service];
}

static fallible config_path(const char *given, struct buf *out)
{
    const char *from_env = options_env("WARDER_CONFIG");
    const char *home = options_env("HOME");

    if (given || from_env) {
        buf_add_str(out, given ? given : from_env);
        return buf_check(out);
    }
    if (home) {
        buf_addf(out, "%s/.config/warder/cli.conf", home);
        if (file_exists(buf_str(out)))
            return buf_check(out);
        buf_clear(out);
    }
    buf_add_str(out, "/etc/warder/cli.conf");
    return buf_check(out);
}

static int load(const char *path, struct session *s)
{
    const struct setting rows[] = {
        { "services", "kbs", OPTION_TEXT, &s->urls[SERVICE_KBS], "key broker, https://HOST:PORT" },
        { "services", "aas", OPTION_TEXT, &s->urls[SERVICE_AAS],
          "authentication and authorisation" },
        { "services", "cms", OPTION_TEXT, &s->urls[SERVICE_CMS], "certificate management" },
        { "services", "as", OPTION_TEXT, &s->urls[SERVICE_AS], "attestation service" },
        { "services", "qvs", OPTION_TEXT, &s->urls[SERVICE_QVS], "quote verification" },
        { "services", "tcs", OPTION_TEXT, &s->urls[SERVICE_TCS], "endorsement cache" },
        { "tls", "ca", OPTION_TEXT, &s->ca_file, "CA certificate of the services, PEM" },
        { "tls", "crl", OPTION_TEXT, &s->crl,
          "file of revocation lists that the services' certificates are checked against" },
        { "tls", "crl_grace_minutes", OPTION_NUMBER, &s->crl_grace_minutes,
          "how long past its next update it is still believed (default 60)" },
        { "login", "token_file", OPTION_TEXT, &s->token_file, "bearer token, a file of mode 0600" },
        { "login", "username", OPTION_TEXT, &s->username, "user of 'warder token get'" },
        { "login", "tenant", OPTION_TEXT, &s->tenant, "whose user (default: default)" },
        { 0 },
    };
    char *message owned(free) = NULL;
    struct err e = settings_load(path, rows, &message);
    if (!failed(e))
        return EXIT_OK;
    return print_failure(message ? (struct err){ e.kind, 0, message } : e, path,
                         "name the services in a configuration file: see warder(1), or start a "
                         "system with 'warder dev up'");
}

int session_open(const struct session_options *options, struct session *out)
{
    struct buf path owned(buf_done) = buf_of(4096);
    struct err e = config_path(options->config, &path);

    *out = (struct session){ .crl_grace_minutes = 60 };
    if (failed(e))
        return print_failure(e, "configuration", NULL);
    if (!output_is_json(options->output, &out->json))
        return EXIT_USAGE;
    int rc = load(buf_str(&path), out);
    if (rc)
        return rc;
    const struct crl_watch_config lists = { .file = out->crl,
                                            .grace_seconds = (int64_t)out->crl_grace_minutes * 60 };
    e = crl_watch_open(&lists, &out->lists);
    if (failed(e))
        return print_failure(e, "TLS set-up", NULL);
    struct http_client_config config = { .ca_file = out->ca_file,
                                         .crl = out->lists,
                                         .timeout_ms = options->wait_ms ? options->wait_ms
                                                                        : SESSION_WAIT_MS };
    e = http_client_new(&config, &out->http);
    return failed(e) ? print_failure(e, "TLS set-up", "check [tls] ca in the configuration file")
                     : EXIT_OK;
}

void session_close(struct session *s)
{
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        free(s->urls[i]);
    free(s->ca_file);
    free(s->token_file);
    free(s->username);
    free(s->tenant);
    http_client_free(s->http);
    crl_watch_close(s->lists);
    free(s->crl);
    *s = (struct session){ 0 };
}

/* What to do next, by status. */
static const struct {
    int status, exit_status;
    const char *hint, *codes; /* codes: those that begin so; NULL: any */
} problem_hints[] = {
    { 401, EXIT_DENIED, "get a token: warder token get --username NAME" },
    { 403, EXIT_DENIED, "the token's roles do not allow it: warder token show, warder role list" },
    { 404, EXIT_ERROR, "the verb 'list' shows what there is" },
    { 409, EXIT_ERROR, "docs/collateral.md says how archives are signed, and who reads them",
      "archive_" },
    { 409, EXIT_ERROR,
      "it exists already, is in use, or was changed meanwhile: the verbs 'list' and 'show' say "
      "more" },
    { 429, EXIT_UNAVAILABLE, "try again in a moment" },
    { 500, EXIT_ERROR, "the service's log says why" },
    { 502, EXIT_UNAVAILABLE, "try again in a moment; 'warder status' says which service is down" },
    { 503, EXIT_UNAVAILABLE, "try again in a moment; 'warder status' says which service is down" },
    { 504, EXIT_UNAVAILABLE, "try again in a moment; 'warder status' says which service is down" },
};

static bool begins_with(struct span code, const char *codes)
{
    return !codes || span_equal_str(span_head(code, strlen(codes)), codes);
}

/* The problem document in words, then the hint for its status. */
static int print_problem(enum service service, int status, struct span body)
{
    json_t *problem owned(json_free) = NULL;
    struct span code = { 0 }, detail = { 0 };

    if (!failed(json_parse_object(body, &problem))) {
        (void)json_opt_str(problem, "code", "code", &code).kind;
        (void)json_opt_str(problem, "detail", "detail", &detail).kind;
    }
    fprintf(stderr, "warder: %s refused (%d%s", service_name(service), status, code.len ? " " : "");
    print_clean(stderr, code);
    fputs(detail.len ? "): " : ")", stderr);
    print_clean(stderr, detail);
    putc('\n', stderr);
    for (size_t i = 0; i < sizeof(problem_hints) / sizeof(*problem_hints); i++)
        if (problem_hints[i].status == status && begins_with(code, problem_hints[i].codes)) {
            fprintf(stderr, "  %s\n", problem_hints[i].hint);
            return problem_hints[i].exit_status;
        }
    fprintf(stderr, "  the verb's --help says what it takes\n");
    return EXIT_ERROR;
}

static int read_token(const struct session *s, struct secret **out)
{
    if (!s->token_file || !file_exists(s->token_file))
        return EXIT_OK; /* the service says what is missing */
    struct secret *raw owned(secret_free) = NULL;
    struct err e = secret_load(s->token_file, &raw);
    if (failed(e))
        return print_failure(e, s->token_file,
                             "the token file must be readable by you alone (mode 0600)");
    struct span text = secret_expose(raw);
    while (text.len && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    *out = secret_new(text.len + 1);
    if (!*out)
        return print_failure(FAIL(SYSTEM, "secure memory exhausted"), "token", NULL);
    memcpy(secret_fill(*out), text.at, text.len);
    return EXIT_OK;
}

int session_call_raw(struct session *s, enum service service, const char *method, const char *path,
                     const char *type, struct span body, bool bearer, struct buf *answer)
{
    if (!s->urls[service]) {
        fprintf(stderr,
                "warder: the configuration names no %s; set [services] %s = https://HOST:PORT\n",
                service_name(service), service_name(service));
        return EXIT_ERROR;
    }
    struct secret *token owned(secret_free) = NULL;
    int rc = bearer ? read_token(s, &token) : EXIT_OK;
    if (rc)
        return rc;
    struct buf url owned(buf_done) = buf_of(4096);
    buf_addf(&url, "%s%s", s->urls[service], path);
    struct http_call call = { .method = method,
                              .url = buf_str(&url),
                              .content_type = type,
                              .body = body,
                              .bearer = token ? (const char *)secret_expose(token).at : NULL };
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct err e = http_send(s->http, &call, &reply);
    if (failed(e) && e.kind != FAIL_UPSTREAM) {
        (void)print_failure(e, s->urls[service],
                            "check [services] and [tls] in the configuration file");
        return EXIT_ERROR;
    }
    if (failed(e)) {
        fprintf(
            stderr,
            "warder: %s at %s does not answer: %s\n  'warder status' says which services are up\n",
            service_name(service), s->urls[service], e.what);
        return EXIT_UNAVAILABLE;
    }
    if (reply.status < 200 || reply.status > 299)
        return print_problem(service, reply.status, buf_span(&reply.body));
    buf_add(answer, buf_span(&reply.body));
    e = buf_check(answer);
    return failed(e) ? print_failure(e, "answer", NULL) : EXIT_OK;
}

/* Nothing has changed yet: the broker keeps the request until somebody else approves it. */
static void tell_pending(const json_t *pending)
{
    const char *id = json_string_value(json_object_get(pending, "id"));
    const char *until = json_string_value(json_object_get(pending, "expires_at"));

    if (id && until)
        fprintf(stderr,
                "warder: a second person must approve this before %s: warder policy approve %s\n",
                until, id);
}

int session_call(struct session *s, enum service service, const char *method, const char *path,
                 const json_t *body, json_t **answer)
{
    char *text owned(free) = body ? json_text(body) : NULL;
    struct buf reply owned(buf_done) = buf_of(ANSWER_MAX);
    int rc = session_call_raw(s, service, method, path, body ? "application/json" : NULL,
                              span_str(text), true, &reply);

    *answer = NULL;
    if (rc || !reply.len)
        return rc;
    struct err e = json_parse(buf_span(&reply), answer);
    if (failed(e))
        return print_failure(e, service_name(service),
                             "the answer is not JSON: is this address really Warder's?");
    tell_pending(json_object_get(*answer, "pending"));
    return EXIT_OK;
}

bool verb_session(int argc, char **argv, const struct option_row *rows,
                  const struct command_help *help, int count, const char **operands,
                  const struct session_options *options, struct session *s, int *exit_status)
{
    if (!verb_options(argc, argv, rows, help, count, operands, exit_status))
        return false;
    *exit_status = session_open(options, s);
    return *exit_status == EXIT_OK;
}

int session_answer(const struct session *s, const json_t *object)
{
    if (s->json)
        print_json(object);
    else
        print_object(object);
    return EXIT_OK;
}
