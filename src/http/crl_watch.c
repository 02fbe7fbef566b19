// SPDX-License-Identifier: Apache-2.0
#include "http/crl_watch.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/revocation.h"

#define LOOK_AGAIN_US 1000000

struct crl_watch {
    char *file;
    int64_t grace;
    pthread_mutex_t lock; /* of what follows */
    struct revocation *lists;
    struct file_mark mark;
    int64_t looked_us;
    unsigned edition;
    bool readable, stale;
};

fallible crl_watch_open(const struct crl_watch_config *config, struct crl_watch **out)
{
    if (!config->file || !*config->file) {
        *out = NULL;
        return OK;
    }
    struct crl_watch *w = calloc(1, sizeof *w);
    if (!w)
        return FAIL(SYSTEM, "memory is short");
    pthread_mutex_init(&w->lock, NULL);
    w->file = strdup(config->file);
    w->grace = config->grace_seconds;
    w->looked_us = -LOOK_AGAIN_US;
    if (!w->file) {
        crl_watch_close(w);
        return FAIL(SYSTEM, "memory is short");
    }
    *out = w;
    return OK;
}

void crl_watch_close(struct crl_watch *w)
{
    if (!w)
        return;
    pthread_mutex_destroy(&w->lock);
    revocation_free(w->lists);
    free(w->file);
    free(w);
}

static fallible read_lists(const char *file, struct revocation **out)
{
    struct buf text owned(buf_done) = buf_of(REVOCATION_TEXT_MAX);

    TRY(file_read(file, &text));
    return revocation_parse(buf_span(&text), out);
}

/* Under the lock. */
static void look(struct crl_watch *w)
{
    int64_t now_us = clock_monotonic_us();
    struct revocation *lists = NULL;

    if (now_us - w->looked_us < LOOK_AGAIN_US && w->edition)
        return;
    w->looked_us = now_us;
    struct file_mark mark = file_mark_of(w->file);
    if (!file_mark_equal(&mark, &w->mark) || !w->edition) {
        w->mark = mark;
        w->readable = !failed(read_lists(w->file, &lists));
        if (w->readable) {
            revocation_free(w->lists);
            w->lists = lists;
        }
        w->edition++;
    }
    bool stale = !w->lists || clock_now() > revocation_next_update(w->lists, NULL) + w->grace;
    if (stale != w->stale)
        w->edition++;
    w->stale = stale;
}

unsigned crl_watch_edition(struct crl_watch *w)
{
    pthread_mutex_lock(&w->lock);
    look(w);
    unsigned edition = w->edition;
    pthread_mutex_unlock(&w->lock);
    return edition;
}

struct crl_watch_state crl_watch_look(struct crl_watch *w)
{
    pthread_mutex_lock(&w->lock);
    look(w);
    struct crl_watch_state s = { .readable = w->readable, .stale = w->stale };
    if (w->lists)
        s.next_update = revocation_next_update(w->lists, &s.this_update);
    pthread_mutex_unlock(&w->lock);
    return s;
}

static fallible parse(const X509 *x, struct cert **out)
{
    unsigned char *bytes = NULL;
    int len = i2d_X509(x, &bytes);

    if (len <= 0)
        return FAIL(SYSTEM, "memory is short");
    struct err e = cert_from_der(span_from(bytes, (size_t)len), out);
    OPENSSL_free(bytes);
    return e;
}

/* The leaf is covered; a CA above it where a list of its own issuer is there. */
static enum revocation_verdict judge(struct crl_watch *w, const struct cert *c,
                                     const struct cert *issuer, bool leaf)
{
    pthread_mutex_lock(&w->lock);
    look(w);
    enum revocation_verdict v = !w->lists ? REVOCATION_MISSING
                                : leaf || revocation_covers(w->lists, c)
                                    ? revocation_judge(w->lists, c, issuer, clock_now(), w->grace)
                                    : REVOCATION_GOOD;
    pthread_mutex_unlock(&w->lock);
    return v;
}

/* A chain of one is trusted as it is: nobody else can have revoked it. */
static enum revocation_verdict judge_chain(struct crl_watch *w, STACK_OF(X509) * chain)
{
    struct cert *below owned(cert_free) = NULL;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        struct cert *c owned(cert_free) = NULL;
        if (failed(parse(sk_X509_value(chain, i), &c)))
            return REVOCATION_UNSOUND;
        enum revocation_verdict v = below ? judge(w, below, c, i == 1) : REVOCATION_GOOD;
        if (v != REVOCATION_GOOD)
            return v;
        cert_free(below);
        below = TAKE(c);
    }
    return REVOCATION_GOOD;
}

static int error_of(enum revocation_verdict v)
{
    switch (v) {
    case REVOCATION_GOOD:
        return X509_V_OK;
    case REVOCATION_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case REVOCATION_MISSING:
        return X509_V_ERR_UNABLE_TO_GET_CRL;
    case REVOCATION_UNSOUND:
        return X509_V_ERR_CRL_SIGNATURE_FAILURE;
    case REVOCATION_STALE:
        return X509_V_ERR_CRL_HAS_EXPIRED;
    }
    return X509_V_ERR_UNSPECIFIED;
}

static int verify(X509_STORE_CTX *store, void *watch)
{
    if (X509_verify_cert(store) != 1)
        return 0;
    enum revocation_verdict v = judge_chain(watch, X509_STORE_CTX_get0_chain(store));
    X509_STORE_CTX_set_error(store, error_of(v));
    return v == REVOCATION_GOOD;
}

void crl_watch_guard(struct crl_watch *w, SSL_CTX *ctx)
{
    if (w)
        SSL_CTX_set_cert_verify_callback(ctx, verify, w);
}

bool crl_watch_admits(struct crl_watch *w, SSL *ssl)
{
    return !SSL_get0_peer_certificate(ssl) ||
           judge_chain(w, SSL_get0_verified_chain(ssl)) == REVOCATION_GOOD;
}
