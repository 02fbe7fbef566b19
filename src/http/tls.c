// SPDX-License-Identifier: Apache-2.0
#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/owned.h"
#include "http/crl_watch.h"

OWNED_TYPE(SSL_CTX, SSL_CTX_free)

/* ALPN list of the client: length-prefixed names. Without ALPN HTTP/1.1 is meant. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                           const unsigned char *in, unsigned int inlen, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, outlen, ours, sizeof(ours) - 1, in, inlen) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool is_self_issued(const X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

/* A client trusts a root that it has, not one that it is sent; but reading it costs each new
 * connection 0.3 ms. */
static fallible leave_out_roots(SSL_CTX *ctx)
{
    STACK_OF(X509) *all = NULL;

    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN); /* the CA of clients is none of ours */
    if (SSL_CTX_get0_chain_certs(ctx, &all) != 1)
        return FAIL(SYSTEM, "no TLS certificate chain");
    for (int i = sk_X509_num(all); i-- > 0;)
        if (is_self_issued(sk_X509_value(all, i)))
            X509_free(sk_X509_delete(all, i));
    return OK;
}

static fallible load_own(SSL_CTX *ctx, const struct tls_server_files *files)
{
    TRY(file_check_private(files->key));
    if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate) != 1)
        return FAIL(INPUT, "the TLS certificate file cannot be used");
    TRY(leave_out_roots(ctx));
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1)
        return FAIL(INPUT, "the TLS key file cannot be used");
    if (SSL_CTX_check_private_key(ctx) != 1)
        return FAIL(INPUT, "TLS key and certificate do not belong together");
    return OK;
}

static fallible load_client_ca(SSL_CTX *ctx, const struct tls_server_files *files)
{
    if (!files->client_ca) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        return OK;
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(files->client_ca);
    if (!names)
        return FAIL(INPUT, "the file of client CAs cannot be used");
    SSL_CTX_set_client_CA_list(ctx, names); /* takes it */
    if (SSL_CTX_load_verify_file(ctx, files->client_ca) != 1)
        return FAIL(INPUT, "the file of client CAs cannot be used");
    SSL_CTX_set_verify(
        ctx, SSL_VERIFY_PEER | (files->require_client ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return OK;
}

static fallible context_fill(SSL_CTX *ctx, const struct tls_server_files *files)
{
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1)
        return FAIL(SYSTEM, "TLS 1.3 is not available");
    /* No resumption: each connection proves both sides anew (L13). */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    TRY(load_own(ctx, files));
    if (files->client_ca)
        crl_watch_guard(files->crl, ctx);
    return load_client_ca(ctx, files);
}

fallible tls_server_context(const struct tls_server_files *files, SSL_CTX **out)
{
    owned(SSL_CTX_free) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx)
        return FAIL(SYSTEM, "TLS is not available");
    struct err e = context_fill(ctx, files);
    ERR_clear_error(); /* the queue of this thread would confuse a later SSL_get_error() */
    TRY(e);
    *out = TAKE(ctx);
    return OK;
}
