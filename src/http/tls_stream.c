// SPDX-License-Identifier: Apache-2.0
#include "http/tls_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "http/crl_watch.h"

#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!SHA1:!aNULL"

struct tls_stream {
    int fd;
    SSL *ssl;
};

OWNED_TYPE(SSL_CTX, SSL_CTX_free)

static fallible load_own(SSL_CTX *ctx, const struct tls_stream_config *c)
{
    if (SSL_CTX_load_verify_file(ctx, c->ca) != 1)
        return FAIL(INPUT, "the server's CA file cannot be used");
    if (failed(file_check_private(c->key)))
        return FAIL(INPUT, "the client's key file may be read by others, or is not there");
    if (SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1)
        return FAIL(INPUT, "the client's certificate file cannot be used");
    if (SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) != 1)
        return FAIL(INPUT, "the client's key file cannot be used");
    return SSL_CTX_check_private_key(ctx) == 1
               ? OK
               : FAIL(INPUT, "the client's key and certificate do not belong together");
}

static fallible context_new(const struct tls_stream_config *c, SSL_CTX **out)
{
    owned(SSL_CTX_free) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, CIPHERS_TLS12) != 1)
        return FAIL(SYSTEM, "TLS is not available");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    crl_watch_guard(c->crl, ctx);
    struct err e = load_own(ctx, c);
    ERR_clear_error(); /* the queue of this thread would confuse a later SSL_get_error() */
    TRY(e);
    *out = TAKE(ctx);
    return OK;
}

fallible tls_stream_check(const struct tls_stream_config *config)
{
    owned(SSL_CTX_free) SSL_CTX *ctx = NULL;
    return context_new(config, &ctx);
}

/* False: too late. */
static bool wait_for(int fd, short events, int64_t until)
{
    for (;;) {
        int64_t left = until - clock_monotonic_us();
        struct pollfd p = { .fd = fd, .events = events };
        int rc = left > 0 ? poll(&p, 1, (int)(left / 1000) + 1) : 0;

        if (rc < 0 && errno == EINTR)
            continue;
        return rc > 0;
    }
}

static fallible connect_one(const struct addrinfo *a, int64_t until, int *out)
{
    int fd owned(fd_close) = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, trouble = 0;
    socklen_t size = sizeof trouble;

    if (fd < 0)
        return FAIL(SYSTEM, "no socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        return FAIL(UPSTREAM, "nothing answers at the server's address");
    if (!wait_for(fd, POLLOUT, until))
        return FAIL(LIMIT, "the server did not answer in time");
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &trouble, &size) < 0 || trouble)
        return FAIL(UPSTREAM, "nothing answers at the server's address");
    *out = fd_take(&fd);
    return OK;
}

static fallible connect_to(const struct tls_stream_config *c, int64_t until, int *out)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *all = NULL;
    struct err e = FAIL(ABSENT, "the server's name does not resolve");

    if (getaddrinfo(c->host, c->port, &hints, &all) != 0)
        return e;
    for (const struct addrinfo *a = all; a; a = a->ai_next) {
        e = connect_one(a, until, out);
        if (!failed(e))
            break;
    }
    freeaddrinfo(all);
    return e;
}

/* Why a call of OpenSSL failed, other than for want of bytes. */
static struct err trouble_of(SSL *ssl, int why)
{
    unsigned long code = ERR_peek_error();

    if (why == SSL_ERROR_SSL && SSL_get_verify_result(ssl) != X509_V_OK)
        return FAIL(DENIED, "the server's certificate is not trusted, or not for its name");
    if (why == SSL_ERROR_SSL && ERR_GET_LIB(code) == ERR_LIB_SSL &&
        ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
        return FAIL(DENIED, "the server refuses our certificate or our version of TLS");
    if (why == SSL_ERROR_SSL && ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return FAIL(DENIED, "the TLS handshake with the server failed");
    return FAIL(UPSTREAM, "the connection to the server broke");
}

/* Called after a call that gave `rc`, until it is done. */
static fallible go_on(struct tls_stream *s, int rc, int64_t until, bool *done)
{
    *done = rc == 1;
    if (*done)
        return OK;
    int why = SSL_get_error(s->ssl, rc);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return wait_for(s->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until)
                   ? OK
                   : FAIL(LIMIT, "the server did not answer in time");
    struct err e = trouble_of(s->ssl, why);
    ERR_clear_error();
    return e;
}

static fallible name_to_verify(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return OK;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(param, host, 0) != 1 ||
        SSL_set_tlsext_host_name(ssl, host) != 1)
        return FAIL(SYSTEM, "TLS is not available");
    return OK;
}

static fallible handshake(struct tls_stream *s, int64_t until)
{
    bool done = false;

    ERR_clear_error();
    while (!done)
        TRY(go_on(s, SSL_connect(s->ssl), until, &done));
    return OK;
}

fallible tls_stream_open(const struct tls_stream_config *config, int64_t until,
                         struct tls_stream **out)
{
    owned(SSL_CTX_free) SSL_CTX *ctx = NULL;
    struct tls_stream *s owned(tls_stream_close) = NULL;

    TRY(context_new(config, &ctx));
    s = calloc(1, sizeof *s);
    if (!s)
        return FAIL(SYSTEM, "out of memory");
    s->fd = -1;
    TRY(connect_to(config, until, &s->fd));
    s->ssl = SSL_new(ctx);
    if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1)
        return FAIL(SYSTEM, "TLS is not available");
    TRY(name_to_verify(s->ssl, config->host));
    TRY(handshake(s, until));
    *out = TAKE(s);
    return OK;
}

void tls_stream_close(struct tls_stream *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    ERR_clear_error();
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

fallible tls_stream_send(struct tls_stream *s, struct span bytes, int64_t until)
{
    size_t sent;
    bool done = !bytes.len;

    ERR_clear_error();
    while (!done) /* without partial writes: all or nothing, repeated with the same bytes */
        TRY(go_on(s, SSL_write_ex(s->ssl, bytes.at, bytes.len, &sent), until, &done));
    return OK;
}

fallible tls_stream_receive(struct tls_stream *s, uint8_t *to, size_t len, int64_t until)
{
    ERR_clear_error();
    for (size_t have = 0; have < len;) {
        size_t got = 0;
        bool done;

        TRY(go_on(s, SSL_read_ex(s->ssl, to + have, len - have, &got), until, &done));
        have += got;
    }
    return OK;
}

bool tls_stream_is_idle(struct tls_stream *s)
{
    uint8_t byte;
    size_t got;

    ERR_clear_error();
    int rc = SSL_peek_ex(s->ssl, &byte, 1, &got); /* session tickets, which TLS 1.3 sends, pass */
    bool idle = rc != 1 && SSL_get_error(s->ssl, rc) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return idle;
}
