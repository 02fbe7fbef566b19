// SPDX-License-Identifier: Apache-2.0
#include "http/exchange_internal.h"

#include "base/json_shape.h"
#include "crypto/secret.h"
#include "http/media_type_internal.h"

void request_buf_done(struct buf *b)
{
    if (b->at)
        wipe(b->at, b->room);
    buf_done(b);
}

void exchange_free(struct http_exchange *x)
{
    if (!x)
        return;
    request_buf_done(&x->head_text);
    request_buf_done(&x->body);
    query_done(&x->query);
    route_match_done(&x->match);
    buf_done(&x->certificate);
    buf_done(&x->headers);
    free(x);
}

void exchange_refuse(struct http_exchange *x, struct refusal r)
{
    http_answer_problem(x, r.status, r.code, r.detail);
}

static void answer_other_method(struct http_exchange *x)
{
    struct buf allow owned(buf_done) = buf_of(256);

    for (size_t i = 0; i < x->match.allowed_count; i++)
        buf_addf(&allow, "%s%s", i ? ", " : "", x->match.allowed[i]);
    http_answer_header(x, "Allow", buf_str(&allow));
    http_answer_problem(x, 405, "method_not_allowed", NULL);
}

bool exchange_route(struct http_exchange *x, const struct routing *r)
{
    const char *method = x->head_only ? "GET" : x->head.method;

    switch (route_find(r->routes, method, x->routed, &x->match)) {
    case ROUTE_ABSENT:
        if (!r->foreign_error || !r->foreign_error(x, 404))
            http_answer_problem(x, 404, "not_found", NULL);
        return false;
    case ROUTE_OTHER_METHOD:
        if (!r->foreign_error || !r->foreign_error(x, 404))
            answer_other_method(x);
        return false;
    case ROUTE_FOUND:
        break;
    }
    if (x->match.route->auth == ROUTE_BEARER && !http_bearer(x).len) {
        http_answer_header(x, "WWW-Authenticate", "Bearer");
        http_answer_problem(x, 401, "token_missing", "a bearer token is needed");
        return false;
    }
    struct err e = query_parse(x->head.query, &x->query);
    if (!failed(e) && x->query.repeats && (!r->repeats_allowed || !r->repeats_allowed(x)))
        e = FAIL(INPUT, "a member of the query is there twice");
    if (failed(e) && (!r->foreign_error || !r->foreign_error(x, 400)))
        http_answer_problem(x, 400, "malformed_request", e.what);
    return !failed(e);
}

struct span http_scope(const struct http_exchange *x)
{
    return span_str(x->scope);
}

struct span http_param(const struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->match.count; i++)
        if (span_equal_str(x->match.params[i].name, name))
            return buf_span(&x->match.params[i].value);
    return (struct span){ 0 };
}

struct span http_query(const struct http_exchange *x, const char *name)
{
    struct span value = { 0 };

    (void)query_find(&x->query, name, &value);
    return value;
}

bool http_has_query(const struct http_exchange *x, const char *name)
{
    struct span value;

    return query_find(&x->query, name, &value);
}

struct span http_header(const struct http_exchange *x, const char *name)
{
    return request_head_field(&x->head, name);
}

struct span http_body(const struct http_exchange *x)
{
    return buf_span(&x->body);
}

struct span http_path(const struct http_exchange *x)
{
    return x->head.path;
}

const char *http_method(const struct http_exchange *x)
{
    return x->head.method;
}

const char *http_needs(const struct http_exchange *x)
{
    return x->match.route->needs;
}

const char *http_request_id(const struct http_exchange *x)
{
    return x->id;
}

const char *http_peer(const struct http_exchange *x)
{
    return x->peer;
}

static bool is_token68(struct span s) /* RFC 6750 section 2.1 */
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == 0 || !strchr("-._~+/=", c)))
            return false;
    }
    return s.len > 0;
}

struct span http_bearer(const struct http_exchange *x)
{
    struct span value = request_head_field(&x->head, "authorization");

    if (!span_equal_nocase(span_head(value, 7), "bearer "))
        return (struct span){ 0 };
    struct span token = span_tail(value, 7);
    while (token.len && token.at[0] == ' ')
        token = span_tail(token, 1);
    return is_token68(token) ? token : (struct span){ 0 };
}

struct span http_client_cert_der(const struct http_exchange *x)
{
    /* Filled at the first call: most handlers do not ask, and one thread has the exchange. */
    struct http_exchange *mine = (struct http_exchange *)x;

    if (!x->certificate_read)
        transport_peer_cert(x->transport, &mine->certificate);
    mine->certificate_read = true;
    return buf_span(&x->certificate);
}

bool http_json_body(struct http_exchange *x, json_t **out)
{
    struct span type = http_header(x, "content-type");

    /* Guests and older agents leave the type out; a wrong one is an error. */
    if (type.len && !media_type_is_json(type)) {
        http_answer_problem(x, 415, "unsupported_media_type", "application/json is needed");
        return false;
    }
    struct err e = json_parse_object(http_body(x), out);
    if (e.kind == FAIL_SYSTEM)
        http_answer_problem(x, 500, "internal_error", NULL);
    else if (failed(e))
        http_answer_invalid(x, "malformed_request", e.what,
                            json_pack("[o]", json_shape_error("", e.what)));
    return !failed(e);
}
