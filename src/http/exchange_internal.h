// SPDX-License-Identifier: Apache-2.0
/* One request with its answer. The event thread makes and frees it; in between a pool thread has it
 * alone. */
#ifndef HTTP_EXCHANGE_INTERNAL_H
#define HTTP_EXCHANGE_INTERNAL_H

#include "http/query_internal.h"
#include "http/request_head_internal.h"
#include "http/route.h"
#include "http/server.h"
#include "http/transport_internal.h"

#define ANSWER_MAX (64U << 20)
#define ANSWER_HEADERS_MAX 8192

struct http_exchange {
    char id[HTTP_REQUEST_ID_SIZE];
    const char *peer;
    const struct transport *transport;

    struct buf head_text;
    struct request_head head; /* spans into head_text */
    struct buf body;
    struct query query;
    struct route_match match;
    char scope[HTTP_SCOPE_MAX + 1];
    struct span routed; /* the path behind the scope */

    struct buf certificate;
    bool certificate_read;

    struct buf *out;    /* the connection's */
    struct buf headers; /* of the answer, given so far */
    bool headers_bad, cacheable;
    bool answered;
    bool head_only; /* HEAD: the body is measured, not sent */
    bool last;      /* the connection ends after the answer */
};

void exchange_free(struct http_exchange *x);
OWNED_TYPE(struct http_exchange, exchange_free)
/* Frees a buffer of a request, wiped: tokens are in there. */
void request_buf_done(struct buf *b);
void exchange_refuse(struct http_exchange *x, struct refusal r);
/* Which handler; or answers by itself (404, 405, 401, 400) and returns false. */
struct routing {
    const struct http_route *routes;
    bool (*foreign_error)(struct http_exchange *x, int status);
    bool (*repeats_allowed)(const struct http_exchange *x);
    const char *scope_prefix, *scope_domain; /* see server.h */
};
bool exchange_route(struct http_exchange *x, const struct routing *routing);
/* Sets scope and routed. False: the scope is none, or path and TLS server name say different
 * things.
 */
bool scope_take(struct http_exchange *x, const struct routing *routing);

#endif
