// SPDX-License-Identifier: Apache-2.0
/* Issuing revocation lists (RFC 5280 section 5). */
#include "crypto/crl.h"
#include "crypto/key_internal.h"
#include "crypto/x509_issue_internal.h"

static bool add_revoked(X509_CRL *object, struct span serial, int64_t at)
{
    X509_REVOKED *row owned(X509_REVOKED_free) = X509_REVOKED_new();
    BIGNUM *n owned(BN_clear_free) = BN_bin2bn(serial.at, (int)serial.len, NULL);
    ASN1_INTEGER *number owned(ASN1_INTEGER_free) = n ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
    ASN1_TIME *when owned(ASN1_TIME_free) = ASN1_TIME_set(NULL, at);

    if (!row || !number || !when || !X509_REVOKED_set_serialNumber(row, number) || !X509_REVOKED_set_revocationDate(row, when))
        return false;
    if (!X509_CRL_add0_revoked(object, row))
        return false;
    (void)TAKE(row);
    return true;
}

static bool set_number_and_issuer(X509_CRL *object, X509 *issuer, uint64_t number)
{
    ASN1_INTEGER *n owned(ASN1_INTEGER_free) = ASN1_INTEGER_new();
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, NULL, NULL, object, 0);
    X509_EXTENSION *key_id owned(X509_EXTENSION_free) =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    return n && key_id && ASN1_INTEGER_set_uint64(n, number) && X509_CRL_add_ext(object, key_id, -1) &&
           X509_CRL_add1_ext_i2d(object, NID_crl_number, n, 0, 0) == 1;
}

fallible crl_issue(const struct cert *issuer, const struct key *issuer_key, const struct span *serials, size_t count,
                   int64_t this_update, int64_t next_update, uint64_t number, struct crl **out)
{
    X509_CRL *object owned(X509_CRL_free) = X509_CRL_new();
    X509 *parent owned(X509_free) = NULL;
    ASN1_TIME *from owned(ASN1_TIME_free) = ASN1_TIME_set(NULL, this_update);
    ASN1_TIME *to owned(ASN1_TIME_free) = ASN1_TIME_set(NULL, next_update);

    TRY(x509_of(issuer, &parent));
    bool good = object && from && to && X509_CRL_set_version(object, X509_CRL_VERSION_2) &&
                X509_CRL_set_issuer_name(object, X509_get_subject_name(parent)) && X509_CRL_set1_lastUpdate(object, from) &&
                X509_CRL_set1_nextUpdate(object, to) && set_number_and_issuer(object, parent, number);
    for (size_t i = 0; good && i < count; i++)
        good = add_revoked(object, serials[i], this_update);
    if (!good || !X509_CRL_sort(object) || X509_CRL_sign(object, key_pkey(issuer_key), signing_digest(issuer_key)) <= 0)
        return FAIL(INPUT, "a revocation list could not be made");
    uint8_t *der = NULL;
    int len = i2d_X509_CRL(object, &der);
    if (len <= 0)
        return FAIL(SYSTEM, "out of memory for a revocation list");
    struct err e = crl_parse(span_from(der, (size_t)len), out);
    OPENSSL_free(der);
    return e;
}
