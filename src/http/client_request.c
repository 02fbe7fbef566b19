// SPDX-License-Identifier: Apache-2.0
#include "http/client_request_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "crypto/secret.h"

#define URL_TEXT_MAX 8192
#define HEADER_LINE_MAX (64U << 10)

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    char bare[INET6_ADDRSTRLEN + 2];

    if (strcmp(host, "localhost") ==
        0) /* curl itself resolves this one, to loopback addresses only */
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    size_t len = strlen(host);
    if (len < 3 || len >= sizeof(bare) || host[0] != '[' || host[len - 1] != ']')
        return false;
    (void)snprintf(bare, sizeof(bare), "%.*s", (int)len - 2, host + 1);
    return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static fallible check_scheme(const struct http_call *call, bool plain_loopback, CURLU *url)
{
    char *scheme = NULL, *host = NULL;
    struct err e = FAIL(INPUT, "the URL is not one that we call");

    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        if (strcmp(scheme, "https") == 0)
            e = OK;
        else if (strcmp(scheme, "http") == 0)
            e = plain_loopback && !call->connect_to && is_loopback(host)
                    ? OK
                    : FAIL(DENIED,
                           "plain HTTP is only for loopback addresses, where it is switched on");
    }
    curl_free(scheme);
    curl_free(host);
    return e;
}

fallible client_request_check(const struct http_call *call, bool plain_loopback)
{
    if (strlen(call->url) > URL_TEXT_MAX)
        return FAIL(INPUT, "the URL is too long");
    if (!curl_late())
        return FAIL(SYSTEM, "libcurl cannot be loaded");
    CURLU *url = curl_url();
    if (!url)
        return FAIL(SYSTEM, "out of memory for the HTTP client");
    struct err e = FAIL(INPUT, "the URL is malformed");
    if (curl_url_set(url, CURLUPART_URL, call->url, CURLU_DISALLOW_USER) == CURLUE_OK)
        e = check_scheme(call, plain_loopback, url);
    curl_url_cleanup(url);
    return e;
}

void client_lists_done(struct client_lists *l)
{
    for (struct curl_slist *s = l->headers; s; s = s->next)
        wipe(s->data, strlen(s->data)); /* the bearer token is in one */
    curl_slist_free_all(l->headers);
    curl_slist_free_all(l->connect_to);
}

static fallible list_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = strpbrk(line, "\r\n") ? NULL : curl_slist_append(*list, line);

    if (!longer)
        return FAIL(INPUT, "a request header that cannot be sent");
    *list = longer;
    return OK;
}

static fallible list_add_pair(struct curl_slist **list, const char *name, const char *value)
{
    struct buf line owned(buf_done) = buf_of(HEADER_LINE_MAX);

    buf_addf(&line, "%s%s", name, value);
    TRY(buf_check(&line));
    struct err e = list_add(list, buf_str(&line));
    wipe(line.at, line.len);
    return e;
}

fallible client_lists_fill(const struct http_call *call, struct client_lists *l)
{
    TRY(list_add(&l->headers, "Expect:")); /* curl would ask before larger bodies: a round trip */
    if (call->body.len)
        TRY(list_add_pair(&l->headers, "Content-Type: ",
                          call->content_type ? call->content_type : "application/json"));
    else
        TRY(list_add(&l->headers, "Content-Type:")); /* curl would say that it is a form */
    if (call->bearer)
        TRY(list_add_pair(&l->headers, "Authorization: Bearer ", call->bearer));
    for (const char *const *h = call->headers; h && *h; h++)
        TRY(list_add(&l->headers, *h));
    if (call->connect_to)
        TRY(list_add(&l->connect_to, call->connect_to));
    return OK;
}
