// SPDX-License-Identifier: Apache-2.0
#include "http/transport_internal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "http/crl_watch.h"

#define DISCARD_PIECES 16

OWNED_TYPE(SSL_CTX, SSL_CTX_free)

fallible transport_open(int fd, struct tls_live *tls, struct transport *out)
{
    struct transport t = { .fd = fd, .crl = tls_live_crl(tls) };

    if (tls) {
        owned(SSL_CTX_free) SSL_CTX *ctx = tls_live_take(tls);
        t.edition = t.crl ? crl_watch_edition(t.crl) : 0;
        t.ssl = ctx ? SSL_new(ctx) : NULL;
        if (!t.ssl || SSL_set_fd(t.ssl, fd) != 1) {
            transport_close(&t);
            return FAIL(SYSTEM, "no TLS connection");
        }
        SSL_set_accept_state(t.ssl);
    }
    *out = t;
    return OK;
}

bool transport_admitted(struct transport *t)
{
    unsigned edition = t->crl ? crl_watch_edition(t->crl) : 0;

    if (edition == t->edition)
        return true;
    t->edition = edition;
    return crl_watch_admits(t->crl, t->ssl);
}

void transport_close(struct transport *t)
{
    SSL_free(t->ssl);
    close(t->fd);
    *t = (struct transport){ .fd = -1 };
}

static enum transfer plain_result(ssize_t n, size_t *moved)
{
    if (n > 0) {
        *moved = (size_t)n;
        return TRANSFER_DONE;
    }
    return TRANSFER_CLOSED;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static enum transfer tls_result(SSL *ssl, int rc)
{
    if (rc == 1)
        return TRANSFER_DONE;
    switch (SSL_get_error(ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return TRANSFER_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TRANSFER_WANTS_WRITE;
    default:
        return TRANSFER_CLOSED;
    }
}

/* SSL_get_error() reads the thread's error queue, in which other work may have left something. */
enum transfer transport_handshake(struct transport *t)
{
    if (!t->ssl)
        return TRANSFER_DONE;
    ERR_clear_error();
    return tls_result(t->ssl, SSL_do_handshake(t->ssl));
}

enum transfer transport_read(struct transport *t, void *to, size_t room, size_t *got)
{
    if (t->ssl) {
        ERR_clear_error();
        return tls_result(t->ssl, SSL_read_ex(t->ssl, to, room, got));
    }
    ssize_t n = recv(t->fd, to, room, 0);
    return n < 0 && would_block() ? TRANSFER_WANTS_READ : plain_result(n, got);
}

enum transfer transport_write(struct transport *t, struct span bytes, size_t *sent)
{
    if (t->ssl) {
        ERR_clear_error();
        return tls_result(t->ssl, SSL_write_ex(t->ssl, bytes.at, bytes.len, sent));
    }
    ssize_t n = send(t->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    return n < 0 && would_block() ? TRANSFER_WANTS_WRITE : plain_result(n, sent);
}

bool transport_holds_input(const struct transport *t)
{
    return t->ssl && SSL_has_pending(t->ssl);
}

void transport_end_output(struct transport *t)
{
    if (t->ssl) {
        ERR_clear_error();
        SSL_shutdown(t->ssl);
    }
    shutdown(t->fd, SHUT_WR);
}

enum transfer transport_discard(struct transport *t, size_t *left)
{
    char sink[16384];

    for (int i = 0; i < DISCARD_PIECES && *left; i++) {
        ssize_t n = recv(t->fd, sink, *left < sizeof(sink) ? *left : sizeof(sink), 0);
        if (n < 0 && would_block())
            return TRANSFER_WANTS_READ;
        if (n <= 0)
            return TRANSFER_CLOSED;
        *left -= (size_t)n;
    }
    return *left ? TRANSFER_WANTS_READ : TRANSFER_CLOSED;
}

void transport_peer_cert(const struct transport *t, struct buf *der)
{
    X509 *cert = t->ssl ? SSL_get0_peer_certificate(t->ssl) : NULL;
    unsigned char *bytes = NULL;

    if (!cert || SSL_get_verify_result(t->ssl) != X509_V_OK)
        return;
    int len = i2d_X509(cert, &bytes);
    if (len > 0)
        buf_add(der, span_from(bytes, (size_t)len));
    OPENSSL_free(bytes);
}

struct span transport_server_name(const struct transport *t)
{
    return t->ssl ? span_str(SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name))
                  : (struct span){ 0 };
}
