// SPDX-License-Identifier: Apache-2.0
#include "tls_client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

#define HEAD_MAX (16U << 10)
#define REPLY_MAX (1U << 20)
#define CHUNK (16U << 10)

struct tls_place {
    SSL_CTX *ctx;
    struct sockaddr_in address;
};

struct tls_client {
    const struct tls_place *place;
    int fd;
    SSL *ssl; /* NULL: not connected */
    struct buf request, received;
};

fallible tls_place_open(const char *ca_file, uint16_t port, struct tls_place **out)
{
    owned(tls_place_close) struct tls_place *p = calloc(1, sizeof(*p));

    if (!p || !(p->ctx = SSL_CTX_new(TLS_client_method())))
        return FAIL(SYSTEM, "TLS is not available");
    if (SSL_CTX_set_min_proto_version(p->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_file(p->ctx, ca_file) != 1)
        return FAIL(INPUT, "the CA file cannot be used");
    SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_OFF);
    p->address = (struct sockaddr_in){ .sin_family = AF_INET,
                                       .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    *out = TAKE(p);
    return OK;
}

void tls_place_close(struct tls_place *p)
{
    if (!p)
        return;
    SSL_CTX_free(p->ctx);
    free(p);
}

fallible tls_client_new(const struct tls_place *place, struct tls_client **out)
{
    struct tls_client *c = calloc(1, sizeof(*c));

    if (!c)
        return FAIL(SYSTEM, "out of memory");
    *c = (struct tls_client){ .place = place,
                              .fd = -1,
                              .request = buf_of(REPLY_MAX),
                              .received = buf_of(REPLY_MAX + HEAD_MAX) };
    *out = c;
    return OK;
}

void tls_client_hang_up(struct tls_client *c)
{
    if (c->ssl) {
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    if (c->fd >= 0)
        close(c->fd);
    c->ssl = NULL;
    c->fd = -1;
}

void tls_client_free(struct tls_client *c)
{
    if (!c)
        return;
    tls_client_hang_up(c);
    buf_done(&c->request);
    buf_done(&c->received);
    free(c);
}

static fallible dial(struct tls_client *c)
{
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        connect(c->fd, (const struct sockaddr *)&c->place->address, sizeof(c->place->address)))
        return FAIL(UPSTREAM, "cannot connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->ssl = SSL_new(c->place->ctx);
    if (!c->ssl || SSL_set1_host(c->ssl, "localhost") != 1 ||
        SSL_set_tlsext_host_name(c->ssl, "localhost") != 1 || SSL_set_fd(c->ssl, c->fd) != 1)
        return FAIL(SYSTEM, "TLS is not available");
    return SSL_connect(c->ssl) == 1 ? OK : FAIL(UPSTREAM, "the TLS handshake failed");
}

static fallible send_request(struct tls_client *c, const char *path, struct span header,
                             struct span body)
{
    struct buf *b = &c->request;
    size_t sent = 0;

    buf_clear(b);
    buf_addf(b,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
             "application/json\r\nContent-Length: %zu\r\n",
             path, body.len);
    buf_add(b, header);
    buf_add_str(b, "\r\n");
    buf_add(b, body);
    TRY(buf_check(b));
    return SSL_write_ex(c->ssl, b->at, b->len, &sent) == 1 && sent == b->len
               ? OK
               : FAIL(UPSTREAM, "the request was not taken");
}

static fallible receive_more(struct tls_client *c)
{
    uint8_t chunk[CHUNK];
    size_t n;

    if (SSL_read_ex(c->ssl, chunk, sizeof(chunk), &n) != 1)
        return FAIL(UPSTREAM, "the server hung up");
    buf_add(&c->received, span_from(chunk, n));
    return buf_check(&c->received);
}

static fallible head_parse(struct span head, int *status, size_t *length)
{
    static const char name[] = "\r\nContent-Length: ";
    size_t at = span_find(head, SPAN("\r\nContent-Length: "));
    char text[16];

    if (head.len < 12 || at == head.len)
        return FAIL(UPSTREAM, "an answer without its length");
    struct span digits = span_head(span_tail(head, at + sizeof(name) - 1), sizeof(text) - 1);
    memcpy(text, digits.at, digits.len);
    text[digits.len] = 0;
    *length = strtoul(text, NULL, 10);
    memcpy(text, head.at + 9, 3);
    text[3] = 0;
    *status = (int)strtol(text, NULL, 10);
    return *length <= REPLY_MAX ? OK : FAIL(LIMIT, "the answer is too large");
}

static fallible receive_reply(struct tls_client *c, int *status, struct buf *reply)
{
    size_t end, length;

    buf_clear(&c->received);
    while ((end = span_find(buf_span(&c->received), SPAN("\r\n\r\n"))) == c->received.len)
        TRY(receive_more(c));
    TRY(head_parse(span_head(buf_span(&c->received), end + 2), status, &length));
    while (c->received.len < end + 4 + length)
        TRY(receive_more(c));
    buf_clear(reply);
    buf_add(reply, span_tail(buf_span(&c->received), end + 4));
    return buf_check(reply);
}

fallible tls_client_post(struct tls_client *c, const char *path, struct span header,
                         struct span body, int *status, struct buf *reply)
{
    struct err e = c->ssl ? OK : dial(c);

    if (!failed(e))
        e = send_request(c, path, header, body);
    if (!failed(e))
        e = receive_reply(c, status, reply);
    if (failed(e))
        tls_client_hang_up(c);
    return e;
}

fallible tls_client_trickle(struct tls_client *c, struct span bytes)
{
    size_t sent = 0;
    struct err e = c->ssl ? OK : dial(c);

    if (!failed(e) && bytes.len && SSL_write_ex(c->ssl, bytes.at, bytes.len, &sent) != 1)
        e = FAIL(UPSTREAM, "the server hung up");
    if (failed(e))
        tls_client_hang_up(c);
    return e;
}

int tls_client_leave(struct tls_client *c)
{
    int fd = c->fd;

    SSL_free(c->ssl); /* without a word to the other side */
    c->ssl = NULL;
    c->fd = -1;
    return fd;
}
