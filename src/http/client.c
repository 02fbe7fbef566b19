// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <malloc.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/bounds.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/secret.h"
#include "http/client_request_internal.h"
#include "http/crl_watch.h"
#include "http/request_head_internal.h"

#define POOLED_MAX 64
#define TIMEOUT_DEFAULT_MS 10000
#define SECRET_ANSWER_ROOM (64U << 10)

struct http_client {
    struct http_client_config config; /* strings are copies */
    uint8_t server_sha384[SHA384_SIZE];
    pthread_mutex_t lock;
    CURL *pooled[POOLED_MAX]; /* the last one used is the first taken: its connection is the warmest
                               */
    size_t count;
    unsigned edition;     /* of the revocation lists that the pooled ones' servers passed */
    struct file_mark own; /* the certificate that they showed */
    unsigned generation;  /* of the pooled: changes with either */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started;

/* curl holds bearer tokens and, toward a key manager, keys: what it frees is wiped. */
static void free_wiped(void *at)
{
    if (at)
        wipe(at, malloc_usable_size(at));
    free(at);
}

static void *realloc_wiped(void *at, size_t size)
{
    size_t had = at ? malloc_usable_size(at) : 0;

    if (size && size <= had)
        return at;
    void *moved = size ? malloc(size) : NULL;
    if (moved && had)
        memcpy(moved, at, had);
    if (moved || !size)
        free_wiped(at);
    return moved;
}

static void start_curl(void)
{
    curl_started = CURLE_FAILED_INIT;
    if (curl_late())
        curl_started = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free_wiped, realloc_wiped,
                                            strdup, calloc);
}

static bool copy_text(const char **s)
{
    if (!*s)
        return true;
    *s = strdup(*s);
    return *s != NULL;
}

fallible http_client_new(const struct http_client_config *config, struct http_client **out)
{
    struct http_client *c = calloc(1, sizeof(*c));

    pthread_once(&curl_once, start_curl);
    if (!c || curl_started != CURLE_OK) {
        free(c);
        return FAIL(SYSTEM, "the HTTP client cannot start");
    }
    c->config = *config;
    if (!c->config.timeout_ms)
        c->config.timeout_ms = TIMEOUT_DEFAULT_MS;
    if (!c->config.body_max)
        c->config.body_max = REPLY_BODY_MAX;
    if (config->server_sha384) {
        memcpy(c->server_sha384, config->server_sha384, sizeof(c->server_sha384));
        c->config.server_sha384 = c->server_sha384;
    }
    pthread_mutex_init(&c->lock, NULL);
    bool copied = copy_text(&c->config.ca_file);
    copied = copy_text(&c->config.certificate) && copied;
    copied = copy_text(&c->config.key) && copied;
    if (!copied) {
        http_client_free(c);
        return FAIL(SYSTEM, "out of memory for the HTTP client");
    }
    *out = c;
    return OK;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        curl_easy_cleanup(c->pooled[i]);
    pthread_mutex_destroy(&c->lock);
    free((char *)c->config.ca_file);
    free((char *)c->config.certificate);
    free((char *)c->config.key);
    free(c);
}

void http_reply_done(struct http_reply *r)
{
    if (r->body.at)
        wipe(r->body.at, r->body.room);
    buf_done(&r->body);
    buf_done(&r->headers);
}

struct span http_reply_header(const struct http_reply *r, const char *name)
{
    struct span rest = buf_span(&r->headers);

    while (rest.len) {
        size_t end = span_find(rest, SPAN("\n"));
        struct span line = span_head(rest, end);
        size_t colon = span_find(line, SPAN(": "));
        if (colon < line.len && span_equal_nocase(span_head(line, colon), name))
            return span_tail(line, colon + 2);
        rest = end < rest.len ? span_tail(rest, end + 1) : span_tail(rest, rest.len);
    }
    return (struct span){ 0 };
}

/* In place of the check of its chain: is it this very certificate? */
static int is_pinned(X509_STORE_CTX *store, void *digest)
{
    const X509 *leaf = X509_STORE_CTX_get0_cert(store);
    uint8_t is[SHA384_SIZE];
    unsigned len = 0;

    bool good = leaf && X509_digest(leaf, EVP_sha384(), is, &len) == 1 && len == sizeof(is) &&
                memcmp(is, digest, sizeof(is)) == 0;
    X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
    return good;
}

static CURLcode set_up_tls(CURL *h, void *context, void *config)
{
    const struct http_client_config *f = config;

    (void)h;
    if (f->secret_answers) /* else the connection keeps the last record until the next one comes */
        SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
    if (f->server_sha384)
        SSL_CTX_set_cert_verify_callback(context, is_pinned, (void *)f->server_sha384);
    else
        crl_watch_guard(f->crl, context);
    return CURLE_OK;
}

/* What is set once; the call's own options are set each time. */
static bool handle_setup(CURL *h, struct http_client_config *f)
{
    CURLcode rc[] = {
        curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L),
        curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L),
        curl_easy_setopt(h, CURLOPT_PROXY, ""), /* also not by the environment */
        curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED),
        curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, f->plain_loopback ? "https,http" : "https"),
        curl_easy_setopt(h, CURLOPT_SSLVERSION,
                         (long)(f->tls12 ? CURL_SSLVERSION_TLSv1_2 : CURL_SSLVERSION_TLSv1_3)),
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L),
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, f->server_sha384 ? 0L : 2L),
        curl_easy_setopt(h, CURLOPT_SSL_SESSIONID_CACHE, 0L),
        curl_easy_setopt(h, CURLOPT_TCP_NODELAY, 1L),
        curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L),
        curl_easy_setopt(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->body_max),
        curl_easy_setopt(h, CURLOPT_USERAGENT, "warder"),
        f->ca_file ? curl_easy_setopt(h, CURLOPT_CAINFO, f->ca_file) : CURLE_OK,
        f->ca_file ? curl_easy_setopt(h, CURLOPT_CAPATH, NULL)
                   : CURLE_OK, /* else the system's folder counts too */
        f->certificate ? curl_easy_setopt(h, CURLOPT_SSLCERT, f->certificate) : CURLE_OK,
        f->key ? curl_easy_setopt(h, CURLOPT_SSLKEY, f->key) : CURLE_OK,
        curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, set_up_tls),
        curl_easy_setopt(h, CURLOPT_SSL_CTX_DATA, f),
        /* An HTTP/2 connection keeps its last frames in a buffer of its own. */
        f->secret_answers && !f->http2
            ? curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1)
            : CURLE_OK,
    };

    for (size_t i = 0; i < sizeof(rc) / sizeof(rc[0]); i++)
        if (rc[i] != CURLE_OK)
            return false;
    return true;
}

/* Under the lock. What was verified by an older list, or with an older certificate of ours. */
static void drop_older(struct http_client *c)
{
    unsigned edition = c->config.crl ? crl_watch_edition(c->config.crl) : 0;
    struct file_mark own = { 0 };

    if (c->config.certificate)
        own = file_mark_of(c->config.certificate);
    if (edition == c->edition && file_mark_equal(&own, &c->own))
        return;
    c->edition = edition;
    c->own = own;
    c->generation++;
    while (c->count)
        curl_easy_cleanup(c->pooled[--c->count]);
}

static CURL *handle_take(struct http_client *c, unsigned *generation)
{
    CURL *h = NULL;

    pthread_mutex_lock(&c->lock);
    drop_older(c);
    *generation = c->generation;
    if (c->count)
        h = c->pooled[--c->count];
    pthread_mutex_unlock(&c->lock);
    if (h)
        return h;
    h = curl_easy_init();
    if (h && !handle_setup(h, &c->config)) {
        curl_easy_cleanup(h);
        return NULL;
    }
    return h;
}

/* A connection that keeps what it read: closed, so that its buffers are wiped. */
static bool holds_secrets(const struct http_client *c, CURL *h)
{
    long version = 0;

    return c->config.secret_answers && c->config.http2 &&
           curl_easy_getinfo(h, CURLINFO_HTTP_VERSION, &version) == CURLE_OK &&
           version != CURL_HTTP_VERSION_1_1;
}

static void handle_give_back(struct http_client *c, CURL *h, unsigned generation)
{
    bool wanted = !holds_secrets(c, h);

    pthread_mutex_lock(&c->lock);
    bool kept = wanted && c->count < POOLED_MAX && generation == c->generation;
    if (kept)
        c->pooled[c->count++] = h;
    pthread_mutex_unlock(&c->lock);
    if (!kept)
        curl_easy_cleanup(h);
}

static size_t on_body(char *at, size_t size, size_t count, void *arg)
{
    struct buf *body = arg;

    buf_add(body, span_from(at, size * count));
    return failed(buf_check(body)) ? 0 : size * count;
}

/* A larger buffer, and the smaller one wiped. */
static bool grow_wiped(struct buf *b, size_t more)
{
    struct buf larger owned(buf_done) = buf_of(b->max);
    size_t room = b->len + more > b->max / 2 ? b->max : 2 * (b->len + more);

    if (b->room - b->len > more || b->len + more > b->max)
        return true;
    if (!buf_extend(&larger, room))
        return false;
    buf_clear(&larger);
    buf_add(&larger, buf_span(b));
    wipe(b->at, b->room);
    free(b->at);
    *b = larger;
    larger = buf_of(0);
    return true;
}

/* The bytes are curl's own buffer, which it does not look at again. */
static size_t on_secret_body(char *at, size_t size, size_t count, void *arg)
{
    size_t taken = grow_wiped(arg, size * count) ? on_body(at, size, count, arg) : 0;
    wipe(at, size * count);
    return taken;
}

static void add_header_line(struct buf *headers, struct span line)
{
    size_t colon = span_find(line, SPAN(":"));
    struct span value = span_tail(line, colon + 1);

    for (size_t i = 0; i < colon; i++)
        buf_add_u8(headers,
                   line.at[i] >= 'A' && line.at[i] <= 'Z' ? line.at[i] | 0x20 : line.at[i]);
    while (value.len && (value.at[0] == ' ' || value.at[0] == '\t'))
        value = span_tail(value, 1);
    buf_add(headers, SPAN(": "));
    buf_add(headers, value);
    buf_add(headers, SPAN("\n"));
}

static size_t on_header(char *at, size_t size, size_t count, void *arg)
{
    struct buf *headers = arg;
    struct span line = span_from(at, size * count);

    while (line.len && (line.at[line.len - 1] == '\n' || line.at[line.len - 1] == '\r'))
        line = span_head(line, line.len - 1);
    if (span_starts(line, SPAN("HTTP/")))
        buf_clear(headers); /* the headers of an interim answer do not count */
    else if (span_find(line, SPAN(":")) < line.len)
        add_header_line(headers, line);
    return failed(buf_check(headers)) ? 0 : size * count;
}

static bool call_setup(CURL *h, const struct http_call *call, const struct client_lists *l,
                       const struct http_client_config *f, struct http_reply *r)
{
    long timeout = (long)(call->timeout_ms ? call->timeout_ms : f->timeout_ms);
    bool get = strcmp(call->method, "GET") == 0,
         has_body = call->body.len || strcmp(call->method, "POST") == 0;
    CURLcode rc[] = {
        curl_easy_setopt(h, CURLOPT_URL, call->url),
        curl_easy_setopt(h, CURLOPT_HTTPGET, 1L),
        has_body ? curl_easy_setopt(h, CURLOPT_POST, 1L) : CURLE_OK,
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len),
        has_body ? curl_easy_setopt(h, CURLOPT_POSTFIELDS,
                                    call->body.len ? (const char *)call->body.at : "")
                 : CURLE_OK,
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, get && !has_body ? NULL : call->method),
        curl_easy_setopt(h, CURLOPT_NOBODY, strcmp(call->method, "HEAD") == 0 ? 1L : 0L),
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, l->headers),
        curl_easy_setopt(h, CURLOPT_CONNECT_TO, l->connect_to),
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout),
        curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, timeout),
        curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L),
        curl_easy_setopt(h, CURLOPT_FORBID_REUSE, call->fresh ? 1L : 0L),
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, f->secret_answers ? on_secret_body : on_body),
        curl_easy_setopt(h, CURLOPT_WRITEDATA, &r->body),
        curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header),
        curl_easy_setopt(h, CURLOPT_HEADERDATA, &r->headers),
    };

    for (size_t i = 0; i < sizeof(rc) / sizeof(rc[0]); i++)
        if (rc[i] != CURLE_OK)
            return false;
    return true;
}

/* Nothing of the call may stay behind in a pooled handle. */
static void call_forget(CURL *h)
{
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(h, CURLOPT_CONNECT_TO, NULL);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, NULL);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, NULL);
}

static fallible failure_of(CURLcode rc, bool too_large)
{
    if (too_large)
        return FAIL(UPSTREAM, "the answer is too large");
    switch ((int)rc) {
    case CURLE_OK:
        return OK;
    case CURLE_COULDNT_RESOLVE_HOST:
        return FAIL(UPSTREAM, "the server's name does not resolve");
    case CURLE_COULDNT_CONNECT:
        return FAIL(UPSTREAM, "cannot connect to the server");
    case CURLE_OPERATION_TIMEDOUT:
        return FAIL(UPSTREAM, "the server did not answer in time");
    case CURLE_PEER_FAILED_VERIFICATION:
        return FAIL(UPSTREAM, "the server's certificate is not trusted, or not for its name");
    case CURLE_SSL_CONNECT_ERROR:
        return FAIL(UPSTREAM, "the TLS handshake with the server failed");
    case CURLE_SSL_CACERT_BADFILE:
        return FAIL(SYSTEM, "the file of trusted CAs cannot be read");
    case CURLE_SSL_CERTPROBLEM:
        return FAIL(SYSTEM, "the client certificate or its key cannot be used");
    case CURLE_FILESIZE_EXCEEDED:
        return FAIL(UPSTREAM, "the answer is too large");
    case CURLE_OUT_OF_MEMORY:
        return FAIL(SYSTEM, "out of memory for the HTTP client");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return FAIL(INPUT, "the URL is not one that we call");
    default:
        return FAIL(UPSTREAM, "the connection to the server broke");
    }
}

/* With NOSIGNAL curl leaves SIGPIPE to us: hold it back in this thread, and drop one that came. */
static CURLcode perform_without_sigpipe(CURL *h)
{
    const struct timespec at_once = { 0 };
    sigset_t pipe, old;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    CURLcode rc = curl_easy_perform(h);
    if (!sigismember(&old, SIGPIPE)) {
        sigtimedwait(&pipe, NULL, &at_once);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    return rc;
}

static fallible perform(CURL *h, const struct http_call *call, const struct http_client_config *f,
                        struct http_reply *r)
{
    struct client_lists l owned(client_lists_done) = { 0 };
    long status = 0;

    TRY(client_lists_fill(call, &l));
    struct err e = FAIL(SYSTEM, "out of memory for the HTTP client");
    if (call_setup(h, call, &l, f, r)) {
        CURLcode rc = perform_without_sigpipe(h);
        e = failure_of(rc, failed(buf_check(&r->body)) || failed(buf_check(&r->headers)));
    }
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    call_forget(h);
    return e;
}

/* At once: a buffer that grew by itself would leave its smaller self behind. */
static fallible reserve(struct buf *b)
{
    (void)buf_extend(b, b->max < SECRET_ANSWER_ROOM ? b->max : SECRET_ANSWER_ROOM);
    TRY(buf_check(b));
    buf_clear(b);
    return OK;
}

fallible http_send(struct http_client *c, const struct http_call *call, struct http_reply *reply)
{
    struct http_reply r owned(http_reply_done) = { .body = buf_of(c->config.body_max),
                                                   .headers = buf_of(REPLY_HEADERS_MAX) };

    TRY(client_request_check(call, c->config.plain_loopback));
    if (c->config.secret_answers)
        TRY(reserve(&r.body));
    unsigned generation;
    CURL *h = handle_take(c, &generation);
    if (!h)
        return FAIL(SYSTEM, "out of memory for the HTTP client");
    struct err e = perform(h, call, &c->config, &r);
    handle_give_back(c, h, generation);
    TRY(e);
    http_reply_done(reply);
    *reply = r;
    r = (struct http_reply){ 0 }; /* given away */
    return OK;
}
