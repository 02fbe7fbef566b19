// SPDX-License-Identifier: Apache-2.0
#include "attestd/request.h"

#include "base/reader.h"
#include "base/writer.h"

#define CODE_MAX 64
#define TEXT_MAX 256

static struct span read_part(struct reader *r)
{
    return reader_take(r, reader_u32be(r));
}

void work_request_write(const struct work_request *q, struct buf *out)
{
    write_u8(out, (uint8_t)q->kind);
    write_u8(out, q->final);
    write_u8(out, (uint8_t)q->form);
    write_part(out, q->media_type);
    write_part(out, q->evidence);
    write_part(out, q->report_data);
    write_part(out, q->runtime_data);
    write_part(out, q->tenant);
    write_part(out, q->audience);
    write_part(out, q->policies);
    write_part(out, q->denied);
    write_part(out, q->pck_chain);
    write_u64be(out, (uint64_t)q->at);
    write_part(out, q->collateral);
}

fallible work_request_parse(struct span bytes, struct work_request *out)
{
    struct reader r = reader_of(bytes);
    struct work_request q = { 0 };
    uint8_t kind = reader_u8(&r);
    uint8_t final = reader_u8(&r);
    uint8_t form = reader_u8(&r);
    q.media_type = read_part(&r);
    q.evidence = read_part(&r);
    q.report_data = read_part(&r);
    q.runtime_data = read_part(&r);
    q.tenant = read_part(&r);
    q.audience = read_part(&r);
    q.policies = read_part(&r);
    q.denied = read_part(&r);
    q.pck_chain = read_part(&r);
    uint64_t at = reader_u64be(&r);
    q.collateral = read_part(&r);
    reader_require(&r, at <= INT64_MAX && (kind == WORK_VERIFY || (!at && !q.collateral.len)));
    reader_require(&r, kind >= WORK_VERIFY && kind <= WORK_PROBE_ISSUER && final <= 1);
    reader_require(&r, form >= EVIDENCE_RECORD && form <= EVIDENCE_BASE64);
    TRY(reader_end(&r, "request to a worker"));
    q.kind = (enum work_kind)kind;
    q.final = final;
    q.at = (int64_t)at;
    q.form = (enum evidence_form)form;
    *out = q;
    return OK;
}

static void write_key(const struct collateral_key *k, struct buf *out)
{
    write_part(out, span_str(k->tee));
    write_part(out, span_str(k->fmspc));
    write_part(out, span_str(k->ca));
    write_part(out, span_str(k->product));
    write_part(out, span_str(k->signer));
    write_part(out, span_str(k->chip));
    write_part(out, span_str(k->tcb));
}

static void read_text(struct reader *r, char *to, size_t size)
{
    struct span s = read_part(r);
    reader_require(r, s.len < size && span_find(s, span_from("", 1)) == s.len);
    if (!r->failed && s.len)
        memcpy(to, s.at, s.len);
}

static void read_key(struct reader *r, struct collateral_key *k)
{
    read_text(r, k->tee, sizeof(k->tee));
    read_text(r, k->fmspc, sizeof(k->fmspc));
    read_text(r, k->ca, sizeof(k->ca));
    read_text(r, k->product, sizeof(k->product));
    read_text(r, k->signer, sizeof(k->signer));
    read_text(r, k->chip, sizeof(k->chip));
    read_text(r, k->tcb, sizeof(k->tcb));
}

void collateral_need_write(const struct collateral_key *k, bool stale, struct buf *out)
{
    write_key(k, out);
    write_u8(out, stale);
}

fallible collateral_need_parse(struct span bytes, struct collateral_key *out, bool *stale)
{
    struct reader r = reader_of(bytes);
    struct collateral_key k = { 0 };
    read_key(&r, &k);
    uint8_t flag = reader_u8(&r);
    reader_require(&r, flag <= 1);
    TRY(reader_end(&r, "need of collateral"));
    *out = k;
    *stale = flag;
    return OK;
}

void pck_need_write(const struct pck_query *query, struct buf *out)
{
    write_part(out, span_str(query->qe_id));
    write_part(out, span_str(query->cpu_svn));
    write_part(out, span_str(query->pce_svn));
    write_part(out, span_str(query->pce_id));
    write_part(out, span_str(query->encrypted_ppid));
}

/* As long as there is room for, or empty. These become parts of an address: a worker that was taken
 * over shall not put anything else there. */
static void read_hex(struct reader *r, char *to, size_t size)
{
    read_text(r, to, size);
    size_t len = strlen(to);
    reader_require(r, (!len || len == size - 1) && strspn(to, "0123456789abcdef") == len);
}

fallible pck_need_parse(struct span bytes, struct pck_query *out)
{
    struct reader r = reader_of(bytes);
    struct pck_query q = { 0 };
    read_hex(&r, q.qe_id, sizeof(q.qe_id));
    read_hex(&r, q.cpu_svn, sizeof(q.cpu_svn));
    read_hex(&r, q.pce_svn, sizeof(q.pce_svn));
    read_hex(&r, q.pce_id, sizeof(q.pce_id));
    read_hex(&r, q.encrypted_ppid, sizeof(q.encrypted_ppid));
    reader_require(&r, *q.qe_id && *q.cpu_svn && *q.pce_svn && *q.pce_id);
    TRY(reader_end(&r, "need of a PCK certificate"));
    *out = q;
    return OK;
}

bool collateral_key_equal(const struct collateral_key *a, const struct collateral_key *b)
{
    return !strcmp(a->tee, b->tee) && !strcmp(a->fmspc, b->fmspc) && !strcmp(a->ca, b->ca) &&
           !strcmp(a->product, b->product) && !strcmp(a->signer, b->signer) &&
           !strcmp(a->chip, b->chip) && !strcmp(a->tcb, b->tcb);
}

void collateral_write(const struct collateral_key *k, const struct collateral_raw *raw,
                      struct buf *out)
{
    write_key(k, out);
    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        write_part(out, collateral_part_of(raw, i));
}

fallible collateral_parse(struct span bytes, struct collateral_key *k, struct collateral_raw *raw)
{
    struct reader r = reader_of(bytes);
    struct collateral_key key = { 0 };
    struct collateral_raw c = { 0 };
    read_key(&r, &key);
    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        *collateral_part(&c, i) = read_part(&r);
    TRY(reader_end(&r, "collateral between processes"));
    *k = key;
    *raw = c;
    return OK;
}

void platform_write(struct span pck_chain, struct span enclave, struct buf *out)
{
    write_part(out, pck_chain);
    write_part(out, enclave);
}

fallible platform_parse(struct span bytes, struct span *pck_chain, struct span *enclave)
{
    struct reader r = reader_of(bytes);
    struct span first = read_part(&r), second = read_part(&r);
    TRY(reader_end(&r, "platform between processes"));
    *pck_chain = first;
    *enclave = second;
    return OK;
}

void answer_failure_write(struct err e, const char *code, struct buf *out)
{
    write_u8(out, (uint8_t)e.kind);
    write_part(out, span_head(span_str(code), CODE_MAX));
    write_part(out, span_head(span_str(e.what), TEXT_MAX));
}

fallible answer_failure_parse(struct span bytes, struct answer_failure *out)
{
    struct reader r = reader_of(bytes);
    struct answer_failure f = { 0 };
    uint8_t kind = reader_u8(&r);
    f.code = read_part(&r);
    f.text = read_part(&r);
    reader_require(&r, kind > FAIL_NONE && kind <= FAIL_SYSTEM && f.code.len <= CODE_MAX &&
                           f.text.len <= TEXT_MAX);
    TRY(reader_end(&r, "failure between processes"));
    f.kind = (enum fail_kind)kind;
    *out = f;
    return OK;
}
