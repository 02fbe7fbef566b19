// SPDX-License-Identifier: Apache-2.0
/* /kbs/v0: auth, attest and resource. keyd's sealed challenge is the session's cookie, so whichever
 * instance is asked next can go on, and nothing is kept here. */
#include "kbsd/guest.h"

#include <time.h>

#include "base/log.h"

#define STATEMENT_MAX (128U << 10)
#define COOKIE_MAX 2048

static struct broker_request question_of(const struct http_exchange *x)
{
    struct broker_request q = kbs_question(x);

    q.bearer = q.body = (struct span){ 0 };
    q.path = http_path(x);
    q.certificate = http_client_cert_der(x);
    q.source = span_str(http_peer(x));
    return q;
}

/* Value of our cookie among those that the client sends; empty: it is not there. */
static struct span cookie_of(const struct http_exchange *x)
{
    struct span rest = http_header(x, "Cookie");

    while (rest.len) {
        size_t end = span_find(rest, SPAN(";"));
        struct span one = span_head(rest, end);
        rest = span_tail(rest, end < rest.len ? end + 1 : end);
        while (one.len && *one.at == ' ')
            one = span_tail(one, 1);
        size_t at = span_find(one, SPAN("="));
        if (at < one.len && span_equal(span_head(one, at), SPAN(GUEST_COOKIE)))
            return span_tail(one, at + 1);
    }
    return (struct span){ 0 };
}

static void set_cookie(struct http_exchange *x, struct span session, int64_t expires_at)
{
    struct buf text owned(buf_done) = buf_of(COOKIE_MAX);
    time_t at = (time_t)expires_at;
    struct tm tm;
    char date[64];

    gmtime_r(&at, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_addf(&text, GUEST_COOKIE "=%.*s; Expires=%s; HttpOnly", (int)session.len,
             (const char *)session.at, date);
    http_answer_header(x, "Set-Cookie", buf_str(&text));
}

/* keyd's answer to what `options` asks; false: the exchange has been answered. */
static bool ask(struct http_exchange *x, struct kbs *k, enum operation operation,
                struct broker_request *q, const json_t *options, struct ipc_message *m,
                struct operation_answer *a, json_t **answer)
{
    char *text owned(free) = json_text(options);

    q->options = span_str(text);
    struct err e = text ? key_side_ask(k->keyd, operation, q, m, a) : FAIL(SYSTEM, "out of memory");
    q->options = (struct span){ 0 };
    if (failed(e)) {
        guest_answer_error(x, 503, "PluginInternalError",
                           "the key side does not answer: try again");
        return false;
    }
    if (a->kind != FAIL_NONE) {
        guest_refuse(x, a, operation != OPERATION_GUEST_RESOURCE);
        return false;
    }
    if (failed(json_parse_object(a->body, answer))) {
        guest_answer_error(x, 500, "PluginInternalError", "Plugin internal error");
        return false;
    }
    return true;
}

static void malformed(struct http_exchange *x, struct err e)
{
    guest_answer_error(x, 401, "SerdeError", e.what);
}

static fallible read_greeting(struct http_exchange *x, json_t **options)
{
    json_t *body owned(json_free) = NULL;
    struct span version, tee;

    TRY(json_parse_object(http_body(x), &body));
    TRY(json_get_str(body, "version", "version is missing", &version));
    TRY(json_get_str(body, "tee", "tee is missing", &tee));
    if (!json_object_get(body, "extra-params"))
        return FAIL(INPUT, "extra-params is missing");
    *options = json_object();
    json_set_span(*options, "version", version);
    json_set_span(*options, "tee", tee);
    return OK;
}

void guest_auth(struct http_exchange *x, void *context)
{
    struct broker_request q = question_of(x);
    struct ipc_message m owned(ipc_message_done) = { 0 };
    json_t *options owned(json_free) = NULL, *given owned(json_free) = NULL;
    struct operation_answer a;
    struct span session, nonce;
    uint64_t expires;

    struct err e = read_greeting(x, &options);
    if (failed(e)) {
        malformed(x, e);
        return;
    }
    if (!ask(x, context, OPERATION_GUEST_CHALLENGE, &q, options, &m, &a, &given))
        return;
    if (failed(json_get_str(given, "session", "session", &session)) ||
        failed(json_get_str(given, "nonce", "nonce", &nonce)) ||
        failed(json_get_u64(given, "expires_at", INT64_MAX, "end", &expires))) {
        guest_answer_error(x, 500, "PluginInternalError", "Plugin internal error");
        return;
    }
    set_cookie(x, session, (int64_t)expires);
    json_t *body = json_object();
    json_set_span(body, "nonce", nonce);
    json_set_str(body, "extra-params", "");
    http_answer_json(x, 200, body);
}

static void answer_token(struct http_exchange *x, const json_t *given, struct span session)
{
    struct span token;
    uint64_t expires;

    if (failed(json_get_str(given, "token", "token", &token)) ||
        failed(json_get_u64(given, "expires_at", INT64_MAX, "end", &expires))) {
        guest_answer_error(x, 500, "PluginInternalError", "Plugin internal error");
        return;
    }
    set_cookie(x, session, (int64_t)expires);
    json_t *body = json_object();
    json_set_span(body, "token", token);
    http_answer_json(x, 200, body);
}

struct attesting {
    struct kbs *k;
    struct broker_request q;
    struct span session;
    json_t *body, *options, *plan; /* owned */
    struct guest_attestation given;
};
static void attesting_donep(struct attesting *a)
{
    json_free(a->body);
    json_free(a->options);
    json_free(a->plan);
}

static fallible read_attestation(struct http_exchange *x, struct attesting *a)
{
    TRY(json_parse_object(http_body(x), &a->body));
    TRY(guest_attestation_read(a->body, &a->given));
    a->options = json_object();
    json_set_span(a->options, "session", a->session);
    if (a->given.nonce.len)
        json_set_span(a->options, "nonce", a->given.nonce);
    json_object_set(a->options, "tee_pubkey", (json_t *)(uintptr_t)a->given.tee_pubkey);
    return OK;
}

/* The attestation service's word, or false: the exchange has been answered. */
static bool get_statement(struct http_exchange *x, struct attesting *a, struct buf *statement)
{
    json_t *question owned(json_free) = guest_attestation_question(&a->given, a->plan);
    enum appraisal result = APPRAISAL_UNAVAILABLE;

    if (!question || failed(appraise_question(a->k->as, question, &result, statement)))
        result = APPRAISAL_UNAVAILABLE;
    switch (result) {
    case APPRAISED:
        a->q.attestation = buf_span(statement);
        return true;
    case APPRAISAL_REFUSED:
        a->q.refusal = buf_span(statement);
        return true;
    case APPRAISAL_UNAVAILABLE:
    case APPRAISAL_POLICY_UNKNOWN:
        break;
    }
    guest_answer_error(x, 503, "AttestationError",
                       "the evidence cannot be appraised now: try again");
    return false;
}

static void appraise_guest(struct http_exchange *x, struct attesting *a)
{
    struct buf statement owned(buf_done) = buf_of(STATEMENT_MAX);
    struct ipc_message m owned(ipc_message_done) = { 0 };
    json_t *given owned(json_free) = NULL;
    struct operation_answer answer;
    struct span protocol = { 0 };

    struct err e = json_get_str(a->plan, "protocol", "protocol", &protocol);
    if (!failed(e))
        e = guest_attestation_evidence(a->body, protocol, &a->given);
    if (failed(e))
        malformed(x, e);
    else if (get_statement(x, a, &statement) &&
             ask(x, a->k, OPERATION_GUEST_ATTESTED, &a->q, a->options, &m, &answer, &given))
        answer_token(x, given, a->session);
}

void guest_attest(struct http_exchange *x, void *context)
{
    struct attesting a owned(
        attesting_done) = { .k = context, .q = question_of(x), .session = cookie_of(x) };
    struct ipc_message m owned(ipc_message_done) = { 0 };
    struct operation_answer answer;

    if (!a.session.len) {
        guest_answer_error(x, 401, "AttestationError", "the session cookie is missing");
        return;
    }
    struct err e = read_attestation(x, &a);
    if (failed(e))
        malformed(x, e);
    else if (!ask(x, a.k, OPERATION_GUEST_ATTEST, &a.q, a.options, &m, &answer, &a.plan))
        return;
    else if (span_equal_str(answer.code, "appraise"))
        appraise_guest(x, &a);
    else
        answer_token(x, a.plan, a.session);
}

void guest_resource(struct http_exchange *x, void *context)
{
    struct broker_request q = question_of(x);
    struct buf path owned(buf_done) = buf_of(4096);
    struct ipc_message m owned(ipc_message_done) = { 0 };
    json_t *options owned(json_free) = json_object(), *given owned(json_free) = NULL;
    struct operation_answer a;

    buf_add(&path, http_param(x, "repository"));
    buf_add_u8(&path, '/');
    buf_add(&path, http_param(x, "type"));
    buf_add_u8(&path, '/');
    buf_add(&path, http_param(x, "tag"));
    q.id = buf_span(&path);
    q.bearer = http_bearer(x);
    if (cookie_of(x).len)
        json_set_span(options, "session", cookie_of(x));
    if (failed(buf_check(&path)))
        guest_answer_error(x, 401, "PluginInternalError", "Plugin internal error");
    else if (ask(x, context, OPERATION_GUEST_RESOURCE, &q, options, &m, &a, &given))
        http_answer(x, 200, "application/json", a.body);
}
