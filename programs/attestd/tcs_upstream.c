// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_upstream.h"

#include <ctype.h>
#include <time.h>

#include "base/clock.h"

#define URL_MAX 4096
#define TRY_AGAIN_NS 300000000
#define HTTP_TOO_MANY 429

static void add_base(const char *base, struct buf *url)
{
    struct span s = span_str(base);
    while (s.len && s.at[s.len - 1] == '/')
        s.len--;
    buf_add(url, s);
}

/* Of Intel's, AMD's and the PCCS' statuses only 404 says that there is no such thing; the others
 * may pass. */
static fallible status_check(int status)
{
    if (status == 404)
        return FAIL(ABSENT, "the upstream has no such collateral");
    return status == 200 ? OK : FAIL(UPSTREAM, "the upstream answers with an error");
}

static bool may_pass(int status)
{
    return status >= 500;
}

/* One that is asked too much is no better off for being asked again. */
static bool has_answered(struct err e, const struct http_reply *reply)
{
    return !failed(e) && reply->status != HTTP_TOO_MANY;
}

static fallible lower_copy(const char *name, char *out, size_t room)
{
    size_t i = 0;
    for (; name[i] && i + 1 < room; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[i] = 0;
    return name[i] ? FAIL(LIMIT, "name of a header") : OK;
}

static fallible take_item(const struct tcs_id *id, const struct http_reply *reply,
                          struct tcs_item *out)
{
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    char header[64];
    buf_add(&item.body, buf_span(&reply->body));
    TRY(buf_check(&item.body));
    if (tcs_chain_header(id)) {
        TRY(lower_copy(tcs_chain_header(id), header, sizeof(header)));
        struct span chain = http_reply_header(reply, header);
        if (chain.len > TCS_CHAIN_MAX || !(item.chain = span_dup(chain)))
            return FAIL(UPSTREAM, "the upstream's issuer chain is too long");
    }
    *out = item;
    item = tcs_item_of();
    return OK;
}

/* An error that may pass is asked for once more, after a moment. */
static fallible get(struct http_client *client, const char *url, struct http_reply *reply)
{
    const struct http_call call = { .method = "GET", .url = url };
    for (int i = 1;; i++) {
        TRY(http_send(client, &call, reply));
        if (!may_pass(reply->status) || i == TCS_UPSTREAM_TRIES)
            return OK;
        http_reply_done(reply);
        *reply = (struct http_reply){ 0 };
        nanosleep(&(struct timespec){ .tv_nsec = TRY_AGAIN_NS }, NULL);
    }
}

fallible tcs_http_fetch(const struct tcs_http *h, const struct tcs_id *id, struct tcs_item *out)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX);
    struct http_reply reply owned(http_reply_done) = { 0 };
    if (id->kind == TCS_ROOT_CRL && h->root_crl_url && *h->root_crl_url) {
        buf_add_str(&url, h->root_crl_url);
    } else {
        add_base(h->base, &url);
        tcs_id_path(id, &url);
    }
    TRY(buf_check(&url));
    TRY(get(h->client, buf_str(&url), &reply));
    TRY(status_check(reply.status));
    return take_item(id, &reply, out);
}

/* A PCCS has statuses of its own for a platform that it does not know, or has nothing for. */
static fallible pck_status_check(int status)
{
    if (status == 461 || status == 462)
        return FAIL(ABSENT, "the upstream has no PCK certificate for this platform");
    return status_check(status);
}

fallible tcs_http_pck(const struct tcs_http *h, const struct pck_query *q, struct buf *pem)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX);
    struct http_reply reply owned(http_reply_done) = { 0 };
    add_base(h->base, &url);
    buf_addf(&url, "/sgx/certification/v4/pckcert?qeid=%s&cpusvn=%s&pcesvn=%s&pceid=%s", q->qe_id,
             q->cpu_svn, q->pce_svn, q->pce_id);
    if (*q->encrypted_ppid)
        buf_addf(&url, "&encrypted_ppid=%s", q->encrypted_ppid);
    TRY(buf_check(&url));
    TRY(get(h->client, buf_str(&url), &reply));
    TRY(pck_status_check(reply.status));
    struct span issuers = http_reply_header(&reply, "sgx-pck-certificate-issuer-chain");
    char *chain owned(free) = issuers.len > TCS_CHAIN_MAX ? NULL : span_dup(issuers);
    if (!chain)
        return FAIL(UPSTREAM, "the upstream's issuer chain is too long");
    buf_add(pem, buf_span(&reply.body));
    buf_add_u8(pem, '\n');
    return tcs_chain_decode(chain, pem);
}

static fallible split(const char *list, char *out[TCS_UPSTREAMS_MAX], size_t *count)
{
    struct span rest = span_str(list);
    while (rest.len) {
        size_t end = span_find(rest, SPAN(" "));
        struct span one = span_head(rest, end);
        rest = span_tail(rest, end + 1);
        if (!one.len)
            continue;
        if (*count == TCS_UPSTREAMS_MAX)
            return FAIL(LIMIT, "[tcs] names too many upstreams");
        if (!(out[*count] = span_dup(one)))
            return FAIL(SYSTEM, "memory for an upstream");
        (*count)++;
    }
    return OK;
}

fallible tcs_upstreams_init(struct tcs_upstreams *u, const char *pcs, const char *kds)
{
    *u = (struct tcs_upstreams){ 0 };
    pthread_mutex_init(&u->lock, NULL);
    TRY(split(pcs, u->pcs, &u->pcs_count));
    return split(kds, u->kds, &u->kds_count);
}

void tcs_upstreams_done(struct tcs_upstreams *u)
{
    for (size_t i = 0; i < TCS_UPSTREAMS_MAX; i++) {
        free(u->pcs[i]);
        free(u->kds[i]);
    }
    ask_gate_free(u->gate);
    *u = (struct tcs_upstreams){ 0 };
}

static bool asks_root_crl_url(const struct tcs_upstreams *u, const struct tcs_id *id)
{
    return id->kind == TCS_ROOT_CRL && u->root_crl_url && *u->root_crl_url;
}

size_t tcs_upstreams_count(void *context, const struct tcs_id *id)
{
    const struct tcs_upstreams *u = context;
    return tcs_id_is_amd(id) ? u->kds_count : u->pcs_count + asks_root_crl_url(u, id);
}

static bool is_paused(struct tcs_upstreams *u, const struct tcs_pause *p, int64_t now)
{
    pthread_mutex_lock(&u->lock);
    bool paused = now < p->until;
    pthread_mutex_unlock(&u->lock);
    return paused;
}

/* No answer at all counts, or that it was asked too much; any other error is about one thing. */
static void note(struct tcs_upstreams *u, struct tcs_pause *p, bool answered)
{
    pthread_mutex_lock(&u->lock);
    p->failures = answered ? 0 : p->failures + 1;
    int64_t seconds = p->failures < 6 ? 1 << p->failures : TCS_UPSTREAM_PAUSE_MAX;
    p->until = answered ? 0 : clock_now() + seconds / 2;
    pthread_mutex_unlock(&u->lock);
}

static fallible pause_check(struct tcs_upstreams *u, const struct tcs_pause *p)
{
    return is_paused(u, p, clock_now())
               ? FAIL(UPSTREAM, "the upstream has not answered: it is asked again later")
               : OK;
}

bool tcs_upstreams_admit(void *context)
{
    const struct tcs_upstreams *u = context;
    unsigned seconds;
    return ask_gate_admits(u->gate, clock_monotonic_us(), &seconds);
}

fallible tcs_upstreams_fetch(void *context, size_t at, const struct tcs_id *id,
                             struct tcs_item *out)
{
    struct tcs_upstreams *u = context;
    struct buf url owned(buf_done) = buf_of(URL_MAX);
    bool amd = tcs_id_is_amd(id), by_url = asks_root_crl_url(u, id) && !at;
    size_t nth = at - (asks_root_crl_url(u, id) ? 1 : 0);
    struct tcs_pause *p = by_url ? &u->root_crl_pause
                          : amd  ? &u->kds_pause[nth]
                                 : &u->pcs_pause[nth];
    TRY(pause_check(u, p));
    if (by_url) {
        buf_add_str(&url, u->root_crl_url);
    } else {
        add_base(amd ? u->kds[nth] : u->pcs[nth], &url);
        tcs_id_path(id, &url);
    }
    TRY(buf_check(&url));
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct err e = get(u->client, buf_str(&url), &reply);
    note(u, p, has_answered(e, &reply));
    TRY(e);
    TRY(status_check(reply.status));
    return take_item(id, &reply, out);
}

fallible tcs_upstreams_ask(struct tcs_upstreams *u, size_t at, const struct http_call *call,
                           const char *path, struct http_reply *reply)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX);
    const char *const headers[] = { u->api_key_header, NULL };
    struct http_call c = *call;
    TRY(pause_check(u, &u->pcs_pause[at]));
    add_base(u->pcs[at], &url);
    buf_add_str(&url, path);
    TRY(buf_check(&url));
    c.url = buf_str(&url);
    if (!at && u->api_key_header)
        c.headers = headers;
    struct err e = http_send(u->client, &c, reply);
    note(u, &u->pcs_pause[at], has_answered(e, reply));
    return e;
}

size_t tcs_upstreams_paused(struct tcs_upstreams *u, int64_t now)
{
    size_t count = 0;
    pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < u->pcs_count; i++)
        count += now < u->pcs_pause[i].until;
    for (size_t i = 0; i < u->kds_count; i++)
        count += now < u->kds_pause[i].until;
    pthread_mutex_unlock(&u->lock);
    return count;
}
