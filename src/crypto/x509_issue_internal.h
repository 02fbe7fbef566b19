// SPDX-License-Identifier: Apache-2.0
/* OpenSSL's X.509 objects, for the files that issue. */
#ifndef CRYPTO_X509_ISSUE_INTERNAL_H
#define CRYPTO_X509_ISSUE_INTERNAL_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/openssl_internal.h"
#include "crypto/x509.h"

OWNED_TYPE(X509, X509_free)
OWNED_TYPE(X509_CRL, X509_CRL_free)
OWNED_TYPE(X509_EXTENSION, X509_EXTENSION_free)
OWNED_TYPE(X509_REQ, X509_REQ_free)
OWNED_TYPE(X509_REVOKED, X509_REVOKED_free)
OWNED_TYPE(ASN1_INTEGER, ASN1_INTEGER_free)
OWNED_TYPE(ASN1_OBJECT, ASN1_OBJECT_free)
OWNED_TYPE(ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
OWNED_TYPE(ASN1_TIME, ASN1_TIME_free)
OWNED_TYPE(GENERAL_NAMES, GENERAL_NAMES_free)
OWNED_TYPE(BIO, BIO_free_all)

/* OpenSSL's view of a certificate. */
fallible x509_of(const struct cert *c, X509 **out);
/* SHA-384 for P-384, else SHA-256. */
const EVP_MD *signing_digest(const struct key *k);
bool name_is_address(const char *name);
/* Host names and addresses as subjectAltName; NULL on failure. */
GENERAL_NAMES *names_of(const char *const *san);

#endif
