// SPDX-License-Identifier: Apache-2.0
#include "attestd/collateral_source.h"

#include "attestd/request.h"
#include "base/hex.h"
#include "evidence/snp_report.h"

static fallible get(const struct collateral_source *s, const struct tcs_id *id, int64_t now,
                    struct tcs_item *out)
{
    if (s->cache)
        return tcs_cache_get(s->cache, id, now, out);
    return tcs_http_fetch(&s->remote, id, out);
}

static fallible chain_of(const struct tcs_item *item, struct buf *pem)
{
    if (!item->chain)
        return FAIL(UPSTREAM, "collateral comes without its issuer chain");
    return tcs_chain_decode(item->chain, pem);
}

struct set {
    struct tcs_item tcb, identity, crl, root;
    struct buf tcb_chain, identity_chain, crl_chain;
};

static void set_donep(struct set *s)
{
    tcs_item_done(&s->tcb);
    tcs_item_done(&s->identity);
    tcs_item_done(&s->crl);
    tcs_item_done(&s->root);
    buf_done(&s->tcb_chain);
    buf_done(&s->identity_chain);
    buf_done(&s->crl_chain);
}

static fallible get_all(const struct collateral_source *s, const struct collateral_key *key,
                        int64_t now, struct set *set)
{
    struct tcs_id id = { .tdx = !strcmp(key->tee, "tdx"),
                         .platform_ca = !strcmp(key->ca, "platform") };
    if (!tcs_fmspc_parse(span_str(key->fmspc), id.fmspc))
        return FAIL(INPUT, "key of collateral");
    id.kind = TCS_TCB_INFO;
    TRY(get(s, &id, now, &set->tcb));
    id.kind = TCS_QE_IDENTITY;
    TRY(get(s, &id, now, &set->identity));
    id.kind = TCS_PCK_CRL;
    TRY(get(s, &id, now, &set->crl));
    id.kind = TCS_ROOT_CRL;
    TRY(get(s, &id, now, &set->root));
    TRY(chain_of(&set->tcb, &set->tcb_chain));
    TRY(chain_of(&set->identity, &set->identity_chain));
    return chain_of(&set->crl, &set->crl_chain);
}

static fallible get_intel(const struct collateral_source *s, const struct collateral_key *key,
                          int64_t now, struct buf *out)
{
    struct set set owned(set_done) = {
        .tcb = tcs_item_of(),
        .identity = tcs_item_of(),
        .crl = tcs_item_of(),
        .root = tcs_item_of(),
        .tcb_chain = buf_of(TCS_CHAIN_MAX),
        .identity_chain = buf_of(TCS_CHAIN_MAX),
        .crl_chain = buf_of(TCS_CHAIN_MAX),
    };
    TRY(get_all(s, key, now, &set));
    struct collateral_raw raw = {
        .tcb_info = buf_span(&set.tcb.body),
        .qe_identity = buf_span(&set.identity.body),
        .tcb_signing_chain = buf_span(&set.tcb_chain),
        .qe_identity_chain = buf_span(&set.identity_chain),
        .pck_crl = buf_span(&set.crl.body),
        .pck_crl_issuer_chain = buf_span(&set.crl_chain),
        .root_ca_crl = buf_span(&set.root.body),
    };
    collateral_write(key, &raw, out);
    return buf_check(out);
}

struct amd_set {
    struct tcs_item chain, crl, vcek;
};

static void amd_set_donep(struct amd_set *set)
{
    tcs_item_done(&set->chain);
    tcs_item_done(&set->crl);
    tcs_item_done(&set->vcek);
}

/* The VCEK of this chip and TCB, by the product's layout of both. */
static fallible vcek_id_of(const struct collateral_key *key, enum snp_product layout,
                           struct tcs_id *id)
{
    uint8_t tcb[SNP_TCB_SIZE];
    struct snp_tcb t;
    TRY(hex_parse_exact(span_str(key->tcb), tcb, sizeof(tcb)));
    if (!amd_chip_parse(id->product, span_str(key->chip), id->vcek.chip) ||
        !snp_tcb_read(SPAN_OF(tcb), layout, &t))
        return FAIL(ABSENT, "the report's chip or TCB version is not one of its product");
    id->kind = TCS_VCEK;
    id->vcek.boot_loader = t.boot_loader;
    id->vcek.tee = t.tee;
    id->vcek.snp = t.snp;
    id->vcek.microcode = t.microcode;
    id->vcek.fmc = t.fmc;
    return OK;
}

/* The revocation list is not left out: without it nothing is verified here. */
static fallible get_product(const struct collateral_source *s, const struct collateral_key *key,
                            enum snp_product layout, int64_t now, struct buf *out)
{
    struct amd_set set owned(amd_set_done) = { tcs_item_of(), tcs_item_of(), tcs_item_of() };
    struct tcs_id id = { .vlek = !strcmp(key->signer, "vlek") };
    if (!amd_product_parse(span_str(snp_product_name(layout)), &id.product))
        return FAIL(INPUT, "key of collateral");
    if (*key->chip) {
        struct tcs_id vcek = id;
        TRY(vcek_id_of(key, layout, &vcek));
        TRY(get(s, &vcek, now, &set.vcek));
    }
    id.kind = TCS_AMD_CHAIN;
    TRY(get(s, &id, now, &set.chain));
    id.kind = TCS_AMD_CRL;
    TRY(get(s, &id, now, &set.crl));
    struct collateral_raw raw = {
        .vcek = buf_span(&set.vcek.body),
        .snp_chain = buf_span(&set.chain.body),
        .snp_crl = buf_span(&set.crl.body),
    };
    collateral_write(key, &raw, out);
    return buf_check(out);
}

/* A report of version 2 does not say its product: it is the one that knows the chip. */
static fallible get_amd(const struct collateral_source *s, const struct collateral_key *key,
                        int64_t now, struct buf *out)
{
    struct err e = FAIL(ABSENT, "no product that is known here");
    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN && e.kind == FAIL_ABSENT; p++)
        if (!*key->product || !strcmp(key->product, snp_product_name(p)))
            e = get_product(s, key, p, now, out);
    return e;
}

fallible collateral_source_get(const struct collateral_source *s, const struct collateral_key *key,
                               int64_t now, struct buf *out)
{
    return strcmp(key->tee, "snp") ? get_intel(s, key, now, out) : get_amd(s, key, now, out);
}

/* What its platform has not is absent, whatever the reason; only what may pass is a failure. */
static fallible pck_found(enum pck_outcome outcome)
{
    switch (outcome) {
    case PCK_FOUND:
        return OK;
    case PCK_UNKNOWN_PLATFORM:
    case PCK_NONE_SUITS:
    case PCK_NOT_AVAILABLE:
        return FAIL(ABSENT, "no PCK certificate for this platform");
    case PCK_UPSTREAM_FAILS:
        break;
    case PCK_TOO_MANY_ASK:
        return FAIL(UPSTREAM, "too many unknown platforms are asked for: try again");
    }
    return FAIL(UPSTREAM, "the PCK certificate cannot be got now");
}

static fallible pck_here(const struct collateral_source *s, const struct pck_query *q, int64_t now,
                         struct buf *out)
{
    struct raw_platform raw owned(raw_platform_done) = { 0 };
    struct pck_answer a owned(pck_answer_done) = { 0 };
    TRY(raw_platform_set(&raw, span_str(q->qe_id), span_str(q->pce_id), span_str(q->cpu_svn),
                         span_str(q->pce_svn), span_str(q->encrypted_ppid), SPAN(""), false));
    TRY(tcs_pck_get(&s->pck, &raw, now, &a));
    TRY(pck_found(a.outcome));
    buf_add_str(out, a.pem);
    buf_add_u8(out, '\n');
    return tcs_chain_decode(a.chain, out);
}

fallible collateral_source_pck(const struct collateral_source *s, const struct pck_query *query,
                               int64_t now, struct buf *out)
{
    TRY(s->cache ? pck_here(s, query, now, out) : tcs_http_pck(&s->remote, query, out));
    return buf_check(out);
}
