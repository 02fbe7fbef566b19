// SPDX-License-Identifier: Apache-2.0
#include "attestd/verify_routes.h"

#include "attestd/envelope.h"
#include "base/log.h"
#include "base/options.h"

bool answer_failed_ask(struct http_exchange *x, struct err e, const struct answer *a,
                       const char *code)
{
    if (failed(e)) {
        log_err(e, "verification has failed", "request", http_request_id(x), "code", code);
        http_answer_problem(x, 503, code, e.what);
        return true;
    }
    if (a->type != ANSWER_FAILURE)
        return false;
    struct answer_failure f;
    if (failed(answer_failure_parse(buf_span(&a->body), &f))) {
        http_answer_problem(x, 503, "verification_failed", "the worker's answer cannot be read");
        return true;
    }
    char *text owned(free) = span_dup(f.text), *word owned(free) = span_dup(f.code);
    bool theirs = f.kind == FAIL_INPUT || f.kind == FAIL_LIMIT;
    if (!theirs)
        log_warn("a worker has failed", "request", http_request_id(x), "reason", text);
    http_answer_problem(x, theirs ? 400 : 503, theirs && word ? word : "verification_failed", text);
    return true;
}

void answer_denials_unknown(struct http_exchange *x, struct err e)
{
    log_err(e, "the deny list cannot be read", "request", http_request_id(x));
    http_answer_problem(x, 503, "deny_list_unavailable",
                        "what is denied cannot be read: nothing is decided");
}

void answer_health(struct http_exchange *x, const char *service, struct verifier_link *link,
                   bool issuer)
{
    const struct verifier_health h = verifier_link_health(link, issuer);
    bool good = h.verifier && (!issuer || h.issuer);
    json_t *j = json_object(), *parts = json_object();
    json_set_str(j, "service", service);
    json_set_str(j, "status", good ? "ok" : "degraded");
    json_set_str(j, "version", WARDER_VERSION);
    json_set_str(parts, "verifier", h.verifier ? "ok" : "down");
    if (issuer)
        json_set_str(parts, "issuer", h.issuer ? "ok" : "down");
    json_object_set_new(j, "parts", parts);
    http_answer_json(x, good ? 200 : 503, j);
}

static void verify(struct http_exchange *x, void *context)
{
    const struct qvs_service *s = context;
    owned(json_free) json_t *body = NULL;
    struct envelope envelope owned(envelope_done) = { 0 };
    struct answer a owned(answer_done) = { .body = buf_of(0) };
    char *denied owned(free) = NULL;
    const char *code;
    if (!http_json_body(x, &body))
        return;
    struct err e = envelope_verify(body, &envelope);
    if (failed(e)) {
        http_answer_failure(x, e, "malformed_request");
        return;
    }
    e = deny_store_in_force_text(s->denials, (struct span){ 0 }, &denied);
    if (failed(e)) {
        answer_denials_unknown(x, e);
        return;
    }
    envelope.request.denied = span_str(denied);
    e = verifier_link_ask(s->link, &envelope.request, &a, &code);
    if (answer_failed_ask(x, e, &a, code))
        return;
    if (a.type != ANSWER_RESULT)
        http_answer_problem(x, 503, "verification_failed",
                            "the worker's answer is of another kind");
    else
        http_answer(x, 200, "application/json", buf_span(&a.body));
}

static void health(struct http_exchange *x, void *context)
{
    const struct qvs_service *s = context;
    answer_health(x, "qvs", s->link, false);
}

const struct http_route qvs_routes[] = {
    { "POST", "/qvs/v1/verify", ROUTE_OPEN, verify },
    { "GET", "/health", ROUTE_OPEN, health },
    { 0 },
};
