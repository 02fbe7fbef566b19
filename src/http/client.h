// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP client (libcurl), HTTP/1.1 or HTTP/2 as negotiated, keep-alive: handles are pooled, so one
 * struct serves all threads of a program. Redirects are never followed, proxies of the environment
 * are ignored, the server's certificate and name are verified against the given CA file only
 * (lessons L9, L15). Connections end when a new edition of the revocation lists is there, or a new
 * certificate of ours. Plain HTTP only where `plain_loopback` is set and the address is a loopback
 * one.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/json.h"

struct crl_watch;

struct http_client_config {
    const char *ca_file;     /* PEM; NULL: the system's store */
    const char *certificate; /* client certificate and key, PEM files; NULL for none */
    const char *key;
    bool plain_loopback;
    bool tls12; /* allow TLS 1.2 (foreign systems); default 1.3 only */
    bool
        secret_answers; /* bodies hold secrets, and no buffer keeps them; choose a small body_max */
    bool http2;         /* with secret_answers: HTTP/2 where the server has it, a connection a call,
                           for its buffers go with it; else HTTP/1.1 only */
    const uint8_t *server_sha384; /* 48 bytes, or NULL: SHA-384 of the one server certificate that
                                     is believed, whoever signed it and whatever its name is */
    struct crl_watch *crl;        /* by which servers are refused; NULL: none */
    unsigned timeout_ms;          /* whole call; default 10000 */
    size_t body_max;              /* of an answer; default 4 MiB */
};
struct http_client;
fallible http_client_new(const struct http_client_config *config, struct http_client **out);
void http_client_free(struct http_client *c);
OWNED_TYPE(struct http_client, http_client_free)

struct http_call {
    const char *method; /* "GET", "POST", "LIST", ... */
    const char *url;
    const char *content_type; /* NULL: application/json when there is a body */
    struct span body;
    const char
        *bearer; /* Authorization: Bearer; NULL for none. Wiped from curl's copy after the call */
    const char *const *headers; /* "Name: value", NULL-terminated; NULL for none */
    const char *connect_to;     /* "HOST:PORT:ADDRESS:PORT" (curl's form), NULL for none: a name
                                   verified, another address dialled */
    unsigned timeout_ms;        /* 0: the client's */
    bool fresh;                 /* a new connection, closed after the call */
};

struct http_reply {
    int status;
    struct buf body;
    struct buf headers; /* "name: value\n" lines, names in lower case */
};
void http_reply_done(struct http_reply *r);
static inline void http_reply_donep(struct http_reply *r)
{
    http_reply_done(r);
}
/* Value of a header; empty span when absent. */
struct span http_reply_header(const struct http_reply *r, const char *name);

/* Any HTTP status is OK here; FAIL_UPSTREAM: no answer (refused, timeout, TLS). `what` says which.
 */
fallible http_send(struct http_client *c, const struct http_call *call, struct http_reply *reply);
/* The same, wants 2xx and a JSON object; another status is FAIL_UPSTREAM (5xx, 429), FAIL_ABSENT
 * (404), FAIL_DENIED (401, 403), else FAIL_INPUT. `*status` is set in every case that got an
 * answer. */
fallible http_send_json(struct http_client *c, const struct http_call *call, int *status,
                        json_t **out);

#endif
