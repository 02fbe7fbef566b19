// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_authentic.h"

#include "collateral/chain_rule.h"
#include "collateral/signed_json.h"
#include "crypto/crl.h"
#include "crypto/signature.h"

static const struct chain_rule signer_rule = { .length = 2, .leaf_cn = "SGX TCB Signing" };
static const struct chain_rule pck_ca_rule = { .length = 2,
                                               .leaf_is_ca = true,
                                               .leaf_cn = "SGX PCK" };

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

fallible tcs_item_authenticate(const struct tcs_id *id, const struct tcs_item *item,
                               const struct root_set *roots)
{
    struct chain chain owned(chain_done) = { 0 };
    switch (id->kind) {
    case TCS_TCB_INFO:
    case TCS_QE_IDENTITY:
        return check_document(id, item, roots);
    case TCS_PCK_CRL:
        return chain_read(item, &pck_ca_rule, roots,
                          &chain); /* whose CA has signed it: tcs_item_check() */
    case TCS_ROOT_CRL:
        break;
    }
    return check_root_crl(item, roots);
}
