// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_authentic.h"

#include "base/hex.h"
#include "collateral/chain_rule.h"
#include "collateral/signed_json.h"
#include "collateral/vcek.h"
#include "crypto/crl.h"
#include "crypto/signature.h"

static const struct chain_rule signer_rule = { .length = 2, .leaf_cn = "SGX TCB Signing" };
static const struct chain_rule pck_ca_rule = { .length = 2,
                                               .leaf_is_ca = true,
                                               .leaf_cn = "SGX PCK" };
static const struct chain_rule pck_rule = { .length = 3, .leaf_cn = "SGX PCK Certificate" };

static fallible chain_read(const struct tcs_item *item, const struct chain_rule *rule,
                           const struct root_set *roots, struct chain *chain)
{
    struct buf pem owned(buf_done) = buf_of(TCS_CHAIN_MAX);
    const char *wrong;
    size_t root;
    if (!item->chain)
        return FAIL(DENIED, "upstream sends no issuer chain");
    TRY(tcs_chain_decode(item->chain, &pem));
    TRY(chain_from_pem(buf_span(&pem), chain));
    TRY(chain_check(chain, rule, roots, NULL, &wrong, &root));
    return wrong ? FAIL(DENIED, "upstream's collateral rests on no root that is trusted here") : OK;
}

static fallible check_document(const struct tcs_id *id, const struct tcs_item *item,
                               const struct root_set *roots)
{
    struct chain chain owned(chain_done) = { 0 };
    struct signed_json document;
    bool good;
    TRY(chain_read(item, &signer_rule, roots, &chain));
    if (failed(signed_json_split(buf_span(&item->body),
                                 id->kind == TCS_TCB_INFO ? "tcbInfo" : "enclaveIdentity",
                                 &document)))
        return FAIL(DENIED, "upstream's document is not of the signed form");
    TRY(signature_verify(cert_key(chain.certs[0]), SIGNATURE_ECDSA, DIGEST_SHA256, document.inner,
                         SPAN_OF(document.signature), &good));
    return good ? OK : FAIL(DENIED, "upstream's document has a wrong signature");
}

static fallible check_root_crl(const struct tcs_item *item, const struct root_set *roots)
{
    owned(crl_free) struct crl *crl = NULL;
    TRY(crl_parse(buf_span(&item->body), &crl));
    for (size_t i = 0; i < roots->count; i++) {
        bool good = false;
        if (span_equal(crl_issuer(crl), cert_subject(roots->certs[i])))
            TRY(crl_signed_by(crl, cert_key(roots->certs[i]), &good));
        if (good)
            return OK;
    }
    return FAIL(DENIED, "upstream's root CRL is by no root that is trusted here");
}

static fallible check_pck_crl(const struct tcs_item *item, const struct root_set *roots)
{
    struct chain chain owned(chain_done) = { 0 };
    return chain_read(item, &pck_ca_rule, roots, &chain); /* who has signed it: tcs_item_check() */
}

/* ASK or ASVK, signed by an ARK that is trusted here. */
static fallible amd_chain_read(const struct tcs_item *item, const struct root_set *roots,
                               struct chain *chain)
{
    bool good;
    TRY(chain_from_pem(buf_span(&item->body), chain));
    if (chain->count != 2 || root_set_find(roots, chain->certs[1]) == ROOT_NONE)
        return FAIL(DENIED, "upstream's chain ends at no root that is trusted here");
    const struct cert *ask = chain->certs[0], *ark = chain->certs[1];
    if (!span_equal(cert_issuer(ask), cert_subject(ark)) || !cert_is_ca(ask))
        return FAIL(DENIED, "upstream's chain is not one of issuer and root");
    TRY(cert_signed_by(ask, cert_key(ark), &good));
    return good ? OK : FAIL(DENIED, "upstream's chain has a wrong signature");
}

static fallible check_amd_crl(const struct tcs_item *item, const struct chain *chain)
{
    owned(crl_free) struct crl *crl = NULL;
    bool good;
    TRY(crl_parse(buf_span(&item->body), &crl));
    if (!span_equal(crl_issuer(crl), cert_subject(chain->certs[1])))
        return FAIL(DENIED, "upstream's CRL is of another product");
    TRY(crl_signed_by(crl, cert_key(chain->certs[1]), &good));
    return good ? OK : FAIL(DENIED, "upstream's CRL has a wrong signature");
}

/* The key that was asked for: of this chip, at this TCB. */
static fallible check_vcek(const struct tcs_id *id, const struct cert *cert)
{
    const struct vcek_id *want = &id->vcek;
    const struct snp_tcb tcb = { .fmc = want->fmc,
                                 .boot_loader = want->boot_loader,
                                 .tee = want->tee,
                                 .snp = want->snp,
                                 .microcode = want->microcode };
    struct vcek v;
    char hwid[CHIP_ID_DIGITS + 1];
    if (failed(vcek_read(cert, &v)) || v.key != SNP_VCEK)
        return FAIL(DENIED, "upstream's VCEK is none");
    hex_str(span_from(v.hwid, v.hwid_len), hwid);
    if (strcmp(hwid, want->chip) || !snp_tcb_equal(&v.tcb, &tcb) ||
        strcmp(snp_product_name(v.product), amd_product_name(id->product)))
        return FAIL(DENIED, "upstream's VCEK is of another chip or TCB");
    return OK;
}

/* "SEV-Milan", "SEV-VLEK-Milan" */
static fallible check_issuer(const struct tcs_id *id, const struct cert *issuer)
{
    struct buf cn owned(buf_done) = buf_of(256);
    TRY(cert_subject_cn(issuer, &cn));
    enum snp_product product = snp_issuer_product(buf_span(&cn), id->vlek ? SNP_VLEK : SNP_VCEK);
    return strcmp(snp_product_name(product), amd_product_name(id->product))
               ? FAIL(DENIED, "upstream's chain is of another product")
               : OK;
}

static fallible check_amd(const struct tcs_id *id, const struct tcs_item *item,
                          const struct root_set *roots, const struct tcs_item *issuers)
{
    owned(cert_free) struct cert *vcek = NULL;
    struct chain chain owned(chain_done) = { 0 };
    bool good;
    TRY(amd_chain_read(id->kind == TCS_AMD_CHAIN ? item : issuers, roots, &chain));
    TRY(check_issuer(id, chain.certs[0]));
    if (id->kind == TCS_AMD_CHAIN)
        return OK;
    if (id->kind == TCS_AMD_CRL)
        return check_amd_crl(item, &chain);
    TRY(cert_from_der(buf_span(&item->body), &vcek));
    if (!span_equal(cert_issuer(vcek), cert_subject(chain.certs[0])))
        return FAIL(DENIED, "upstream's VCEK is of another product");
    TRY(cert_signed_by(vcek, cert_key(chain.certs[0]), &good));
    return good ? check_vcek(id, vcek) : FAIL(DENIED, "upstream's VCEK has a wrong signature");
}

fallible tcs_item_authenticate(const struct tcs_id *id, const struct tcs_item *item,
                               const struct root_set *roots, const struct tcs_item *issuers)
{
    switch (id->kind) {
    case TCS_TCB_INFO:
    case TCS_QE_IDENTITY:
    case TCS_QVE_IDENTITY:
        return check_document(id, item, roots);
    case TCS_PCK_CRL:
        return check_pck_crl(item, roots);
    case TCS_ROOT_CRL:
        return check_root_crl(item, roots);
    case TCS_AMD_CHAIN:
    case TCS_AMD_CRL:
    case TCS_VCEK:
        break;
    }
    return check_amd(id, item, roots, issuers);
}

fallible tcs_pck_authenticate(struct span pem, const char *chain, const struct root_set *roots,
                              struct chain *out)
{
    struct buf all owned(buf_done) = buf_of(2 * TCS_CHAIN_MAX);
    struct chain c owned(chain_done) = { 0 };
    const char *wrong;
    size_t root;
    buf_add(&all, pem);
    if (pem.len && pem.at[pem.len - 1] != '\n')
        buf_add_u8(&all, '\n');
    TRY(tcs_chain_decode(chain, &all));
    TRY(chain_from_pem(buf_span(&all), &c));
    TRY(chain_check(&c, &pck_rule, roots, NULL, &wrong, &root));
    if (wrong)
        return FAIL(DENIED, "a PCK certificate rests on no root that is trusted here");
    *out = c;
    c = (struct chain){ 0 };
    return OK;
}
