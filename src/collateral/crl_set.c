// SPDX-License-Identifier: Apache-2.0
#include "collateral/crl_set.h"

void crl_item_done(struct crl_item *item)
{
    crl_free(item->crl);
    *item = (struct crl_item){ 0 };
}

void crl_set_done(struct crl_set *s)
{
    crl_free(s->root.crl);
    crl_free(s->pck.crl);
    chain_done(&s->issuer);
    *s = (struct crl_set){ 0 };
}

fallible crl_item_parse(struct span text, struct crl_item *item)
{
    if (!text.len) {
        item->wrong = "the revocation list is missing";
        return OK;
    }
    struct err e = crl_parse(text, &item->crl);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e)) {
        item->wrong = e.what;
        return OK;
    }
    item->window.from = crl_this_update(item->crl);
    item->window.to = crl_has_next_update(item->crl) ? crl_next_update(item->crl) : INT64_MIN;
    return OK;
}

/* RFC 5280 section 5, and what Intel's profile makes mandatory. */
static const char *content_check(const struct crl *c, const struct cert *issuer, bool numbered)
{
    struct span key_id = crl_authority_key_id(c);

    if (!span_equal(crl_issuer(c), cert_subject(issuer)))
        return "the revocation list is another issuer's";
    if (!cert_may_sign_crls(issuer))
        return "the issuer of the revocation list may not sign such lists";
    if (numbered && (!crl_number(c).len || !key_id.len))
        return "the revocation list has no number or no authority key identifier";
    if (key_id.len && !span_equal(key_id, cert_subject_key_id(issuer)))
        return "the revocation list names another key of its issuer";
    if (crl_has_unknown_critical(c))
        return "the revocation list has an unknown critical extension";
    if (!crl_has_next_update(c))
        return "the revocation list does not say when the next one comes";
    return NULL;
}

fallible crl_item_authenticate(struct crl_item *item, const struct cert *issuer, bool numbered)
{
    bool good = false;

    if (item->wrong)
        return OK;
    item->wrong = content_check(item->crl, issuer, numbered);
    if (item->wrong)
        return OK;
    TRY(crl_signed_by(item->crl, cert_key(issuer), &good));
    if (!good)
        item->wrong = "the revocation list has a wrong signature";
    return OK;
}

static fallible issuer_load(struct span text, const struct root_set *roots, struct crl_set *s)
{
    static const struct chain_rule rule = { .length = 2, .leaf_is_ca = true, .leaf_cn = "SGX PCK" };

    s->issuer_root = ROOT_NONE;
    if (!text.len) {
        s->issuer_wrong = "the revocation list's issuer chain is missing";
        return OK;
    }
    struct err e = chain_from_pem_sharing(text, roots->certs, roots->count, &s->issuer);
    if (e.kind == FAIL_SYSTEM)
        return e;
    if (failed(e)) {
        s->issuer_wrong = e.what;
        return OK;
    }
    return chain_check(&s->issuer, &rule, roots, NULL, &s->issuer_wrong, &s->issuer_root);
}

static fallible set_fill(struct span root_crl, struct span pck_crl, struct span issuer_chain,
                         const struct root_set *roots, struct crl_set *s)
{
    TRY(crl_item_parse(root_crl, &s->root));
    TRY(crl_item_parse(pck_crl, &s->pck));
    TRY(issuer_load(issuer_chain, roots, s));
    if (s->pck.wrong)
        return OK;
    if (s->issuer_wrong) {
        s->pck.wrong = s->issuer_wrong;
        return OK;
    }
    return crl_item_authenticate(&s->pck, s->issuer.certs[0], true);
}

fallible crl_set_load(struct span root_crl, struct span pck_crl, struct span issuer_chain,
                      const struct root_set *roots, struct crl_set *out)
{
    struct crl_set s = { 0 };
    struct err e = set_fill(root_crl, pck_crl, issuer_chain, roots, &s);

    if (failed(e)) {
        crl_set_done(&s);
        return e;
    }
    *out = s;
    return OK;
}

fallible crl_set_authenticate_root(struct crl_set *s, const struct cert *root)
{
    if (!root) {
        s->root.wrong = s->root.wrong
                            ? s->root.wrong
                            : "there is no trusted root to check the revocation list with";
        return OK;
    }
    return crl_item_authenticate(&s->root, root, true);
}
