// SPDX-License-Identifier: Apache-2.0
#include "http/tls_live_internal.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"

#define LOOK_AGAIN_US 1000000
#define FILES 3

struct tls_live {
    struct tls_server_files files;
    pthread_mutex_t lock; /* of what follows */
    SSL_CTX *ctx;
    struct file_mark marks[FILES]; /* of what the context was made from */
    int64_t looked_us;
    const char *trouble; /* why newer files are not in force; NULL: there are none */
};

static void marks_of(const struct tls_server_files *f, struct file_mark marks[FILES])
{
    const char *const names[FILES] = { f->certificate, f->key, f->client_ca };

    for (size_t i = 0; i < FILES; i++)
        marks[i] = names[i] ? file_mark_of(names[i]) : (struct file_mark){ 0 };
}

static bool marks_equal(const struct file_mark *a, const struct file_mark *b)
{
    for (size_t i = 0; i < FILES; i++)
        if (!file_mark_equal(&a[i], &b[i]))
            return false;
    return true;
}

fallible tls_live_open(const struct tls_server_files *files, struct tls_live **out)
{
    struct tls_live *t owned(tls_live_close) = calloc(1, sizeof *t);

    if (!t)
        return FAIL(SYSTEM, "memory is short");
    pthread_mutex_init(&t->lock, NULL);
    t->files = *files;
    t->files.certificate = strdup(files->certificate);
    t->files.key = strdup(files->key);
    t->files.client_ca = files->client_ca ? strdup(files->client_ca) : NULL;
    if (!t->files.certificate || !t->files.key || (files->client_ca && !t->files.client_ca))
        return FAIL(SYSTEM, "memory is short");
    marks_of(files, t->marks);
    t->looked_us = clock_monotonic_us();
    TRY(tls_server_context(files, &t->ctx));
    *out = TAKE(t);
    return OK;
}

void tls_live_close(struct tls_live *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    SSL_CTX_free(t->ctx);
    free((char *)t->files.certificate);
    free((char *)t->files.key);
    free((char *)t->files.client_ca);
    free(t);
}

/* Under the lock. The marks are taken before the files are read: what is written meanwhile is seen
 * the next time. */
static void look(struct tls_live *t)
{
    struct file_mark marks[FILES];
    int64_t now_us = clock_monotonic_us();
    SSL_CTX *made = NULL;

    if (now_us - t->looked_us < LOOK_AGAIN_US)
        return;
    t->looked_us = now_us;
    marks_of(&t->files, marks);
    if (marks_equal(marks, t->marks)) {
        t->trouble = NULL;
        return;
    }
    struct err e = tls_server_context(&t->files, &made);
    t->trouble = failed(e) ? e.what : NULL;
    if (failed(e))
        return;
    memcpy(t->marks, marks, sizeof marks);
    SSL_CTX_free(t->ctx);
    t->ctx = made;
}

SSL_CTX *tls_live_take(struct tls_live *t)
{
    pthread_mutex_lock(&t->lock);
    look(t);
    SSL_CTX *ctx = SSL_CTX_up_ref(t->ctx) == 1 ? t->ctx : NULL;
    pthread_mutex_unlock(&t->lock);
    return ctx;
}

struct crl_watch *tls_live_crl(const struct tls_live *t)
{
    return t ? t->files.crl : NULL;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm = { 0 };

    return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

struct tls_state tls_live_state(struct tls_live *t)
{
    struct tls_state s = { 0 };

    pthread_mutex_lock(&t->lock);
    look(t);
    const X509 *own = SSL_CTX_get0_certificate(t->ctx);
    if (own) {
        s.not_before = seconds_of(X509_get0_notBefore(own));
        s.not_after = seconds_of(X509_get0_notAfter(own));
    }
    s.trouble = t->trouble;
    pthread_mutex_unlock(&t->lock);
    return s;
}
