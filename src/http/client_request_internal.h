// SPDX-License-Identifier: Apache-2.0
/* What the client may be asked to send: addresses that it calls, and the header lines of a call. */
#ifndef HTTP_CLIENT_REQUEST_INTERNAL_H
#define HTTP_CLIENT_REQUEST_INTERNAL_H

#include "http/client.h"
#include "http/curl_late_internal.h"

/* FAIL_INPUT: no URL that is called; FAIL_DENIED: plain HTTP where it is not allowed. */
fallible client_request_check(const struct http_call *call, bool plain_loopback);

struct client_lists {
    struct curl_slist *headers, *connect_to;
};
fallible client_lists_fill(const struct http_call *call, struct client_lists *l);
void client_lists_done(struct client_lists *l); /* wiped: the bearer token is in one */
static inline void client_lists_donep(struct client_lists *l)
{
    client_lists_done(l);
}

#endif
