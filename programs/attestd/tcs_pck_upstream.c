// SPDX-License-Identifier: Apache-2.0
/* PCK certificates from the upstreams: all of a platform's from Intel's PCS, where an API key is
 * configured; the one for a raw TCB from a PCCS or another tcs. */
#include "attestd/tcs_pck.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/writer.h"

#define PATH_MAX_PCK 4096
#define NOTHING_SECONDS 60 /* an upstream has nothing for a platform */
#define FAILURE_SECONDS 2  /* or cannot say */
#define CHAIN_HEADER "sgx-pck-certificate-issuer-chain"

struct provided {
    struct pck_certs certs;
    char *chain;
    char tcbm[TCBM_DIGITS + 1]; /* what the upstream chose for this raw TCB; "": it gave all */
    bool some_missing;
};

static void provided_donep(struct provided *v)
{
    pck_certs_done(&v->certs);
    free(v->chain);
}

static fallible read_chain(const struct http_reply *reply, struct provided *v)
{
    struct span chain = http_reply_header(reply, CHAIN_HEADER);
    if (!chain.len || chain.len > TCS_CHAIN_MAX)
        return FAIL(UPSTREAM, "the upstream sends no issuer chain");
    v->chain = span_dup(chain);
    return v->chain ? OK : FAIL(SYSTEM, "memory for a chain");
}

/* [{"tcb", "tcbm", "cert": PEM percent-encoded, or "Not available"}] */
static fallible read_all(const struct tcs_pck *p, const struct raw_platform *raw,
                         const struct http_reply *reply, struct provided *v)
{
    owned(json_free) json_t *list = NULL;
    TRY(json_parse(buf_span(&reply->body), &list));
    if (!json_is_array(list))
        return FAIL(UPSTREAM, "the upstream's list of certificates is none");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct buf pem owned(buf_done) = buf_of(TCS_CHAIN_MAX);
        const char *cert = json_string_value(json_object_get(json_array_get(list, i), "cert"));
        if (!cert)
            return FAIL(UPSTREAM, "the upstream's list of certificates is malformed");
        if (!strcmp(cert, "Not available")) {
            v->some_missing = true;
            continue;
        }
        TRY(tcs_chain_decode(cert, &pem));
        TRY(pck_certs_add(&v->certs, buf_span(&pem), v->chain, p->roots, raw->pce_id));
    }
    return OK;
}

static fallible status_of(int status)
{
    if (status == 200)
        return OK;
    return status == 404 || status == 461 || status == 462
               ? FAIL(ABSENT, "the upstream has no such certificate")
               : FAIL(UPSTREAM, "the upstream answers with an error");
}

static fallible ask_pcs(const struct tcs_pck *p, size_t at, const struct raw_platform *raw,
                        struct provided *v)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_PCK),
                    body owned(buf_done) = buf_of(MANIFEST_MAX + 256);
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct http_call call = { .method = "GET" };
    buf_add_str(&path, "/sgx/certification/v4/pckcerts");
    if (*raw->manifest) {
        buf_addf(&body, "{\"platformManifest\":\"%s\",\"pceid\":\"%s\"}", raw->manifest,
                 raw->pce_id);
        call.method = "POST";
        call.body = buf_span(&body);
    } else if (*raw->enc_ppid) {
        buf_addf(&path, "?encrypted_ppid=%s&pceid=%s", raw->enc_ppid, raw->pce_id);
    } else {
        return FAIL(INPUT, "the PCS is asked by encrypted PPID or manifest");
    }
    TRY(buf_check(&path));
    TRY(buf_check(&body));
    TRY(tcs_upstreams_ask(p->upstreams, at, &call, buf_str(&path), &reply));
    TRY(status_of(reply.status));
    TRY(read_chain(&reply, v));
    return read_all(p, raw, &reply, v);
}

static fallible ask_pccs(const struct tcs_pck *p, size_t at, const struct raw_platform *raw,
                         struct provided *v)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_PCK);
    struct http_reply reply owned(http_reply_done) = { 0 };
    if (!*raw->cpu_svn || !*raw->pce_svn)
        return FAIL(INPUT, "a PCCS is asked by raw TCB");
    buf_addf(&path, "/sgx/certification/v4/pckcert?qeid=%s&cpusvn=%s&pcesvn=%s&pceid=%s",
             raw->qe_id, raw->cpu_svn, raw->pce_svn, raw->pce_id);
    if (*raw->enc_ppid)
        buf_addf(&path, "&encrypted_ppid=%s", raw->enc_ppid);
    TRY(buf_check(&path));
    TRY(tcs_upstreams_ask(p->upstreams, at, &(struct http_call){ .method = "GET" }, buf_str(&path),
                          &reply));
    TRY(status_of(reply.status));
    TRY(read_chain(&reply, v));
    size_t before = v->certs.count;
    TRY(pck_certs_add(&v->certs, buf_span(&reply.body), v->chain, p->roots, raw->pce_id));
    if (v->certs.count > before)
        memcpy(v->tcbm, v->certs.at[before].tcbm, sizeof(v->tcbm));
    return OK;
}

static fallible keep(const struct tcs_pck *p, const struct raw_platform *raw, struct provided *v)
{
    struct store *s = tcs_cache_store(p->cache);
    struct pck_certs all owned(pck_certs_done) = { 0 };
    store_lock(s);
    struct err e = store_begin(s);
    if (!failed(e) && v->tcbm[0]) { /* one more: those that are there stay */
        struct err had = platform_certs_load(s, raw, &all);
        e = had.kind == FAIL_ABSENT ? OK : had;
    }
    for (size_t i = 0; i < all.count && !failed(e); i++)
        if (strcmp(all.at[i].tcbm, v->tcbm))
            e = pck_certs_add(&v->certs, span_str(all.at[i].pem), v->chain, p->roots, raw->pce_id);
    if (!failed(e))
        e = platform_certs_save(s, raw, &v->certs, !v->tcbm[0]);
    if (!failed(e))
        e = pck_chain_save(s, v->certs.ca, v->chain);
    if (!failed(e) && v->tcbm[0])
        e = raw_tcb_save(s, raw, v->tcbm);
    if (!failed(e))
        e = store_commit(s);
    if (failed(e))
        store_rollback(s);
    store_unlock(s);
    return e;
}

static fallible ask_one(const struct tcs_pck *p, size_t at, const struct raw_platform *raw,
                        enum pck_outcome *outcome)
{
    struct provided v owned(provided_done) = { 0 };
    bool pcs = !at && p->upstreams->api_key_header;
    struct err e = pcs ? ask_pcs(p, at, raw, &v) : ask_pccs(p, at, raw, &v);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (e.kind == FAIL_INPUT && !v.chain) /* nothing to ask by */
        return OK;
    if (failed(e)) {
        *outcome = e.kind == FAIL_ABSENT ? PCK_NONE_SUITS : PCK_UPSTREAM_FAILS;
        return OK;
    }
    *outcome = v.certs.count ? PCK_FOUND : PCK_NOT_AVAILABLE;
    return v.certs.count ? keep(p, raw, &v) : OK;
}

fallible tcs_pck_provide(const struct tcs_pck *p, const struct raw_platform *raw,
                         enum pck_outcome *outcome)
{
    *outcome = PCK_UNKNOWN_PLATFORM;
    for (size_t at = 0; at < p->upstreams->pcs_count && *outcome != PCK_FOUND; at++)
        TRY(ask_one(p, at, raw, outcome));
    return OK;
}

/* All that the upstream is asked by: who names a platform with parts that are wrong shall not stand
 * in the way of one who has them right. */
static void write_question(const struct raw_platform *raw, struct buf *out)
{
    const char *const parts[] = { raw->qe_id,   raw->pce_id,   raw->cpu_svn,
                                  raw->pce_svn, raw->enc_ppid, raw->manifest };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        write_part(out, span_str(parts[i]));
}

static unsigned memory_of(enum pck_outcome outcome)
{
    switch (outcome) {
    case PCK_UNKNOWN_PLATFORM:
    case PCK_NONE_SUITS:
    case PCK_NOT_AVAILABLE:
        return NOTHING_SECONDS;
    case PCK_UPSTREAM_FAILS:
        return FAILURE_SECONDS;
    case PCK_FOUND:
    case PCK_TOO_MANY_ASK:
        break;
    }
    return 0;
}

fallible tcs_pck_provide_once(const struct tcs_pck *p, const struct raw_platform *raw,
                              enum pck_outcome *outcome, unsigned *seconds)
{
    struct ask_gate *gate = p->upstreams->gate;
    struct buf about owned(buf_done) = buf_of(MANIFEST_MAX + PATH_MAX_PCK);
    int known;
    write_question(raw, &about);
    TRY(buf_check(&about));
    if (ask_gate_recall(gate, buf_span(&about), clock_monotonic_us(), &known)) {
        *outcome = (enum pck_outcome)known;
        return OK;
    }
    *outcome = PCK_TOO_MANY_ASK;
    if (p->upstreams->pcs_count && !ask_gate_admits(gate, clock_monotonic_us(), seconds))
        return OK;
    TRY(tcs_pck_provide(p, raw, outcome));
    if (p->upstreams->pcs_count && memory_of(*outcome))
        ask_gate_note(gate, buf_span(&about), (int)*outcome, memory_of(*outcome),
                      clock_monotonic_us());
    return OK;
}
