// SPDX-License-Identifier: Apache-2.0
#include "verify/amd_collateral.h"

static fallible issuers_load(struct span text, const struct root_set *roots,
                             struct amd_collateral *c)
{
    static const struct chain_rule rule = {
        .length = 2, .leaf_is_ca = true, .crl_by_root = true, .leaf_cn = "SEV-"
    };
    size_t root;

    if (!text.len) {
        c->issuers_wrong = "there is no certificate chain of AMD's";
        return OK;
    }
    struct err e = chain_from_pem(text, &c->issuers);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e)) {
        c->issuers_wrong = e.what;
        return OK;
    }
    c->window = window_meet(c->window, chain_window(&c->issuers));
    return chain_check(&c->issuers, &rule, roots, NULL, &c->issuers_wrong, &root);
}

/* The certificate is a file of its own; what issues it is in the chain. */
static fallible endorsement_load(struct span text, struct platform_map *platforms,
                                 const struct root_set *roots, struct amd_collateral *c,
                                 struct platform **out)
{
    struct chain leaf owned(chain_done) = { 0 };
    struct span ders[3] = { text };

    if (!text.len || c->issuers.count != 2)
        return OK;
    struct reader r = reader_of(text);
    if (reader_peek(&r) != 0x30) {
        struct err e = chain_from_pem(text, &leaf);
        if (failed(e) || leaf.count != 1)
            return e.kind == FAIL_SYSTEM ? e : OK;
        ders[0] = cert_der(leaf.certs[0]);
    }
    ders[1] = cert_der(c->issuers.certs[0]);
    ders[2] = cert_der(c->issuers.certs[1]);
    TRY(platform_of_amd(platforms, ders, roots, out));
    c->window = window_meet(c->window, (*out)->window);
    return OK;
}

/* By the trusted root of that name: the list does not choose it, it is refused where none has
 * signed it. */
static fallible crl_load(struct span text, const struct root_set *roots, struct amd_collateral *c)
{
    c->crl_root = ROOT_NONE;
    c->has_crl = text.len;
    if (!text.len)
        return OK;
    TRY(crl_item_parse(text, &c->crl));
    if (c->crl.wrong)
        return OK;
    c->window = window_meet(c->window, c->crl.window);
    for (size_t i = 0; i < roots->count && c->crl_root == ROOT_NONE; i++) {
        if (!span_equal(crl_issuer(c->crl.crl), cert_subject(roots->certs[i])))
            continue;
        c->crl.wrong = NULL;
        TRY(crl_item_authenticate(&c->crl, roots->certs[i], false));
        if (!c->crl.wrong)
            c->crl_root = i;
    }
    if (c->crl_root == ROOT_NONE && !c->crl.wrong)
        c->crl.wrong = "the revocation list is not by a trusted root";
    return OK;
}

static fallible fill(struct platform_map *platforms, const struct root_set *roots,
                     const struct collateral_raw *raw, struct amd_collateral *c)
{
    TRY(issuers_load(raw->snp_chain, roots, c));
    TRY(endorsement_load(raw->vcek, platforms, roots, c, &c->vcek));
    TRY(endorsement_load(raw->vlek, platforms, roots, c, &c->vlek));
    return crl_load(raw->snp_crl, roots, c);
}

fallible amd_collateral_load(struct platform_map *platforms, const struct root_set *roots,
                             const struct collateral_raw *raw, struct amd_collateral *out)
{
    struct amd_collateral c = { .window = WINDOW_ALWAYS };

    c.there = raw->vcek.len || raw->vlek.len || raw->snp_chain.len || raw->snp_crl.len;
    struct err e = fill(platforms, roots, raw, &c);
    if (failed(e)) {
        amd_collateral_done(&c);
        return e;
    }
    *out = c;
    return OK;
}

void amd_collateral_done(struct amd_collateral *c)
{
    platform_free(c->vcek);
    platform_free(c->vlek);
    chain_done(&c->issuers);
    crl_item_done(&c->crl);
    *c = (struct amd_collateral){ 0 };
}

bool amd_collateral_usable(const struct amd_collateral *c)
{
    return c->there && !c->issuers_wrong && !c->crl.wrong &&
           (!c->vcek || platform_authentic(c->vcek)) && (!c->vlek || platform_authentic(c->vlek));
}
