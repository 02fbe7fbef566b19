// SPDX-License-Identifier: Apache-2.0
#include "teesim/forge.h"

#include "crypto/digest.h"

#define PEM_MAX (64U << 10)
#define CRL_MAX (1U << 20)

const uint8_t forge_fmspc[6] = { 'T', 'E', 'E', 'S', 'I', 'M' };

fallible forge_leaf_serial(const struct forge_pck *pck, uint8_t out[FORGE_KEY_ID_SIZE])
{
    struct buf extension owned(buf_done) = buf_of(FORGE_CERT_MAX);

    TRY(forge_pck_extension(pck, &extension));
    TRY(digest_of(DIGEST_SHA1, buf_span(&extension), out));
    out[0] |= 1; /* no leading zero octet: the length stays */
    return OK;
}

static void pck_default(struct forge_pck *p)
{
    *p = (struct forge_pck){ .sgx_type = 1, .platform_ca = true, .component_count = 16 };
    memcpy(p->ppid, "teesim ppid 0001", sizeof p->ppid);
    memcpy(p->instance_id, "teesim instance1", sizeof p->instance_id);
    memcpy(p->fmspc, forge_fmspc, sizeof p->fmspc);
    p->dynamic_platform = p->cached_keys = p->smt_enabled = true;
    forge_rung_svn(RUNG_UP_TO_DATE, p->components, &p->pce_svn);
    memcpy(p->cpu_svn, p->components, sizeof p->cpu_svn);
}

static void chain_of(struct forge_chain *c, struct span first, struct span second)
{
    *c = (struct forge_chain){ .certs = { first, second }, .count = 2 };
}

void forge_use_ca(struct forge_knobs *k, const struct forge_pki *pki, enum forge_ca ca)
{
    struct span ca_der = buf_span(&forge_pki_ca(pki, ca)->der), root = buf_span(&pki->root.der);

    k->pck.platform_ca = ca == FORGE_CA_PLATFORM;
    k->pck.sgx_type = ca == FORGE_CA_PLATFORM ? 1 : 0;
    k->leaf = forge_pki_leaf_form(pki, ca);
    k->pck_chain = (struct forge_chain){ .certs = { { NULL, 0 }, ca_der, root }, .count = 3 };
    chain_of(&k->pck_crl_issuer_chain, ca_der, root);
    k->pck_crl = forge_pki_pck_crl(pki, ca, k->root_crl.this_update, k->root_crl.next_update);
}

fallible forge_defaults(const struct forge_pki *pki, enum forge_tee tee, int64_t now,
                        struct forge_knobs *k)
{
    int64_t issued = now - FORGE_ISSUED_AGO, next = issued + FORGE_LIFETIME;
    bool tdx = forge_tee_is_tdx(tee);

    *k = (struct forge_knobs){ .tee = tee };
    pck_default(&k->pck);
    k->root_crl = forge_pki_root_crl(pki, issued, next);
    forge_use_ca(k, pki, FORGE_CA_PLATFORM);
    forge_quote_default(tee, &k->quote);
    k->quote.pck = pki->pck;
    k->quote.attestation = pki->attestation;
    chain_of(&k->tcb_signing_chain, buf_span(&pki->signer.der), buf_span(&pki->root.der));
    forge_tcb_info_default(tdx, forge_fmspc, issued, next, &k->tcb_info);
    forge_identity_default(tdx, issued, next, &k->identity);
    k->tcb_document.signer = k->identity_document.signer = pki->signer.key;
    k->root_der = buf_span(&pki->root.der);
    return forge_leaf_serial(&k->pck, k->leaf_serial);
}

void forge_set_init(struct forge_set *s)
{
    *s = (struct forge_set){ .quote = buf_of(FORGE_QUOTE_MAX),
                             .tcb_info = buf_of(FORGE_JSON_MAX),
                             .qe_identity = buf_of(FORGE_JSON_MAX),
                             .tcb_signing_chain = buf_of(PEM_MAX),
                             .pck_crl_issuer_chain = buf_of(PEM_MAX),
                             .root_ca = buf_of(PEM_MAX),
                             .root_ca_crl = buf_of(CRL_MAX),
                             .pck_crl = buf_of(CRL_MAX) };
}

void forge_set_done(struct forge_set *s)
{
    struct buf *all[] = { &s->quote,
                          &s->tcb_info,
                          &s->qe_identity,
                          &s->tcb_signing_chain,
                          &s->pck_crl_issuer_chain,
                          &s->root_ca,
                          &s->root_ca_crl,
                          &s->pck_crl };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_done(all[i]);
}

static fallible edit_all(struct buf *text, const struct forge_edit edits[FORGE_EDITS_MAX])
{
    for (size_t i = 0; i < FORGE_EDITS_MAX && edits[i].from; i++)
        TRY(forge_text_edit(text, edits[i].from, edits[i].to));
    return OK;
}

static fallible finish_document(const char *member, struct buf *inner,
                                const struct forge_document *d, struct buf *out)
{
    TRY(edit_all(inner, d->edits));
    TRY(forge_document_sign(member, buf_span(inner), d->signer, d->broken_signature, out));
    return edit_all(out, d->later);
}

fallible forge_make_tcb_info(const struct forge_knobs *k, struct buf *out)
{
    struct buf inner owned(buf_done) = buf_of(FORGE_JSON_MAX);

    if (k->tcb_document.inner.len)
        buf_add(&inner, k->tcb_document.inner);
    else
        TRY(forge_tcb_info_text(&k->tcb_info, &inner));
    return finish_document("tcbInfo", &inner, &k->tcb_document, out);
}

fallible forge_make_identity(const struct forge_knobs *k, struct buf *out)
{
    struct buf inner owned(buf_done) = buf_of(FORGE_JSON_MAX);

    if (k->identity_document.inner.len)
        buf_add(&inner, k->identity_document.inner);
    else
        TRY(forge_identity_text(&k->identity, &inner));
    return finish_document("enclaveIdentity", &inner, &k->identity_document, out);
}

fallible forge_make_chain(const struct forge_chain *chain, struct buf *pem)
{
    if (chain->before)
        buf_add_str(pem, chain->before);
    for (size_t i = 0; i < chain->count; i++)
        forge_certificate_pem(chain->certs[i], pem);
    if (chain->after)
        buf_add_str(pem, chain->after);
    return buf_check(pem);
}

fallible forge_make_pck_chain(struct forge_knobs *k, struct buf *pem)
{
    struct buf extension owned(buf_done) = buf_of(FORGE_CERT_MAX),
                         der owned(buf_done) = buf_of(FORGE_CERT_MAX);
    struct forge_certificate leaf = k->leaf;
    struct forge_chain chain = k->pck_chain;

    if (chain.count && chain.certs[0].len == 0) {
        TRY(forge_pck_extension(&k->pck, &extension));
        TRY(forge_leaf_serial(&k->pck, k->leaf_serial));
        if (!leaf.sgx_extension.len)
            leaf.sgx_extension = buf_span(&extension);
        if (!leaf.serial.len)
            leaf.serial = SPAN_OF(k->leaf_serial);
        TRY(forge_certificate_write(&leaf, &der));
        chain.certs[0] = buf_span(&der);
    }
    return forge_make_chain(&chain, pem);
}

static fallible make_quote(struct forge_knobs *k, struct buf *out)
{
    struct buf pem owned(buf_done) = buf_of(PEM_MAX);
    struct forge_quote quote = k->quote;

    if (!quote.cert_data.len) {
        TRY(forge_make_pck_chain(k, &pem));
        buf_add_u8(&pem, 0); /* as the vendor's library ends it */
        TRY(buf_check(&pem));
        quote.cert_data = buf_span(&pem);
    }
    return forge_quote_write(&quote, out);
}

fallible forge_make(struct forge_knobs *k, struct forge_set *s)
{
    forge_set_done(s);
    forge_set_init(s);
    TRY(make_quote(k, &s->quote));
    TRY(forge_make_tcb_info(k, &s->tcb_info));
    TRY(forge_make_identity(k, &s->qe_identity));
    TRY(forge_make_chain(&k->tcb_signing_chain, &s->tcb_signing_chain));
    TRY(forge_make_chain(&k->pck_crl_issuer_chain, &s->pck_crl_issuer_chain));
    TRY(forge_crl_write(&k->root_crl, &s->root_ca_crl));
    TRY(forge_crl_write(&k->pck_crl, &s->pck_crl));
    forge_certificate_pem(k->root_der, &s->root_ca);
    return buf_check(&s->root_ca);
}
