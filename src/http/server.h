// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP/1.1 server over TLS 1.3: one event base (libevent) a thread with SO_REUSEPORT, handlers on a
 * pool of threads, so a handler may block. Requests are read by our own strict parser, not
 * evhttp's: that one has no hook before a request is complete, so neither a deadline for the whole
 * of it nor our own error documents were possible.
 *
 * Bounded everywhere: connections, header and body sizes, one deadline for the whole of a request
 * (a slow drip is cut), a queue for the pool (full: 503 with Retry-After). The handler sees only
 * complete requests. HEAD is answered as GET, without the body. Every answer carries X-Request-Id;
 * errors are problem+json. No path, query or header value of a request is logged but the matched
 * route's pattern.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/bounds.h"
#include "base/buf.h"
#include "base/json.h"
#include "http/tls.h"

#define HTTP_REQUEST_ID_SIZE 33
#define HTTP_SCOPE_MAX 64

struct http_exchange; /* one request with its answer */

typedef void http_handler(struct http_exchange *x, void *context);

enum route_auth { /* every route has a tag; the table test refuses one without */
                  ROUTE_NONE,
                  ROUTE_OPEN,   /* anybody: health, public keys, challenges */
                  ROUTE_BEARER, /* a bearer token must be there (401 otherwise); the handler or the
                                   key side verifies it */
                  ROUTE_PROOF   /* authenticated by the protocol in the body */
};

struct http_route {
    const char *method;  /* "GET" */
    const char *pattern; /* "/kbs/v1/keys/{id}/transfer": a {name} matches one non-empty segment,
                            percent-decoded, without '/', "." or ".." */
    enum route_auth auth;
    http_handler *handler;
    size_t body_max; /* where more than the server's is taken; 0: that */
    /* Of ROUTE_BEARER, and of no other: what the token must hold. "KBS:keys:create" is a permission
     * in a service, "CMS:CertApprover" a role with a context; " or " stands between alternatives.
     */
    const char *needs;
};

struct http_server_config {
    const char *address; /* "127.0.0.1" */
    uint16_t port;       /* 0: any; http_server_port() tells */
    struct tls_server_files tls;
    bool plain;           /* no TLS: only for the simulator's PCS and tests; refused off loopback */
    unsigned threads;     /* event threads, default 1 */
    unsigned workers;     /* pool threads, default 16 */
    unsigned queue;       /* waiting requests, default 256 */
    unsigned connections; /* per server, default 10000 */
    size_t body_max;      /* default 256 KiB; above: 413 */
    unsigned deadline_ms; /* whole request in, default 10000 */
    unsigned idle_ms;     /* keep-alive, default 60000; where it is less than deadline_ms the end
                             may be noticed only deadline_ms after the request began */
    /* Requests a second of one source address (of IPv6: a /64), and at once; 0: no limit. Above:
     * 429.
     */
    unsigned source_rate, source_burst;
    const struct http_route *routes; /* ends with method NULL */
    /* "/tenants/": a path that begins with it and one name of a-z 0-9 - (at most
     * HTTP_SCOPE_MAX) is routed by what follows the name, http_scope(). NULL: no such paths. */
    const char *scope_prefix;
    /* "kbs.example": what stands before ".kbs.example" in the TLS server name is the scope too. */
    const char *scope_domain;
    void *context; /* given to handlers */
    /* Where another interface's errors stand in for ours: 404 (no such path, or not by this
     * method), 400 (the query) and 413. False: ours. On the event thread: it must not block. */
    bool (*foreign_error)(struct http_exchange *x, int status);
    /* Where another interface takes the first of a query's members of one name. NULL: nowhere, and
     * they are a 400. */
    bool (*repeats_allowed)(const struct http_exchange *x);
};

struct http_server;
fallible http_server_start(const struct http_server_config *config,
                           struct http_server **out); /* threads run */
/* Reads files that are new, as the next connection would. */
struct tls_state http_server_tls(const struct http_server *s);
uint16_t http_server_port(const struct http_server *s);
void http_server_stop(struct http_server *s); /* stops accepting, drains, joins, frees */

/* The request. Spans live until the handler returns. */
struct span http_param(const struct http_exchange *x,
                       const char *name); /* from the pattern; empty when absent */
struct span http_query(const struct http_exchange *x,
                       const char *name); /* percent-decoded; first one counts */
bool http_has_query(const struct http_exchange *x, const char *name);
struct span http_header(const struct http_exchange *x, const char *name); /* empty when absent */
struct span http_body(const struct http_exchange *x);
/* Of the path or of the TLS server name, see scope_prefix; empty: neither names one. */
struct span http_scope(const struct http_exchange *x);
struct span http_path(const struct http_exchange *x); /* as sent, without the query */
const char *http_method(const struct http_exchange *x);
const char *http_needs(const struct http_exchange *x); /* of its route */
const char *http_request_id(const struct http_exchange *x);
const char *http_peer(const struct http_exchange *x); /* numeric address */
struct span
http_bearer(const struct http_exchange *x); /* of Authorization: Bearer; empty when absent */
struct span http_client_cert_der(const struct http_exchange *x); /* verified; empty without one */

/* The answer: exactly one of these per exchange; without any the server answers 500. */
void http_answer(struct http_exchange *x, int status, const char *content_type, struct span body);
void http_answer_json(struct http_exchange *x, int status,
                      json_t *body); /* takes the reference; NULL: 500 */
void http_answer_empty(struct http_exchange *x, int status);
/* problem+json; 503 and 429 get Retry-After: 1. */
void http_answer_problem(struct http_exchange *x, int status, const char *code, const char *detail);
/* The same with a document of the caller's (problem_json with further members); takes the
 * reference. */
void http_answer_problem_json(struct http_exchange *x, int status, json_t *problem);
/* 400 with the list of what is wrong where (base/json_shape.h); takes its reference. */
void http_answer_invalid(struct http_exchange *x, const char *code, const char *detail,
                         json_t *errors);
void http_answer_failure(struct http_exchange *x, struct err e,
                         const char *code); /* status by kind, detail e.what */
void http_answer_header(struct http_exchange *x, const char *name,
                        const char *value); /* before the answer */

/* Body as a JSON object, or answers 400/415 itself and returns false. */
bool http_json_body(struct http_exchange *x, json_t **out);

#endif
