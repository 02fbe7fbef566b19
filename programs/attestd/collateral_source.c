// SPDX-License-Identifier: Apache-2.0
#include "attestd/collateral_source.h"

#include "attestd/request.h"

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

fallible collateral_source_get(const struct collateral_source *s, const struct collateral_key *key,
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
