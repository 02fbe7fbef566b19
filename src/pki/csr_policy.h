// SPDX-License-Identifier: Apache-2.0
/*
 * What a signing request may ask for: sound in itself, and no more than a grant names. The common
 * name must match the grant's, and every subject alternative name must be in the grant's list:
 * asking for more than is granted is refused, never trimmed. Characters of the request are only
 * ever themselves; `*` means something in the grant alone.
 */
#ifndef PKI_CSR_POLICY_H
#define PKI_CSR_POLICY_H

#include "crypto/x509.h"

#define CSR_PEM_MAX (16U << 10)
#define CSR_COMMON_NAME_MAX 64 /* RFC 5280 ub-common-name */
#define CSR_SANS_MAX 64
#define CSR_SAN_MAX 253

/* CERT_TLS is for both sides: services authenticate to each other with their one certificate. */
enum cert_type { CERT_TLS, CERT_TLS_CLIENT, CERT_TLS_SERVER };
/* "TLS", "TLS-Client" and "TLS-Server", without regard to case. */
bool cert_type_parse(struct span text, enum cert_type *out);
const char *cert_type_name(enum cert_type type);
bool cert_type_serves(enum cert_type type); /* extended key usage serverAuth */
bool cert_type_asks(enum cert_type type);   /* clientAuth */

enum csr_verdict {
    CSR_GOOD,
    CSR_KEY_REFUSED,   /* not RSA 2048 to 4096, P-256 or P-384 */
    CSR_NAME_REFUSED,  /* common name missing, too long, or with characters other than A-Z a-z 0-9 .
                          _ @ - and blank */
    CSR_SAN_REFUSED,   /* not a host name or address, too many, or names of another kind */
    CSR_CA_REFUSED,    /* asks to be a CA */
    CSR_USAGE_REFUSED, /* extended key usages other than serverAuth and clientAuth */
    CSR_EXTENSION_REFUSED, /* extensions that are not of a TLS certificate of ours */
    CSR_TYPE_NOT_GRANTED,
    CSR_USAGE_NOT_GRANTED, /* more than the type has */
    CSR_NAME_NOT_GRANTED,
    CSR_SAN_NOT_GRANTED
};
/* A problem code: "csr_key_refused", ... */
const char *csr_verdict_code(enum csr_verdict verdict);
/* One sentence for whoever asked. */
const char *csr_verdict_text(enum csr_verdict verdict);

enum csr_verdict csr_check(const struct csr *csr);
/* It names no extended key usage that the type has not. */
bool csr_usages_within(const struct csr *csr, enum cert_type type);
/* This very common name, and no alternative name that is not in the list of texts: what a renewal
 * may have. No character of the list means more than itself. */
bool csr_names_within(const struct csr *csr, const char *common_name, const json_t *sans);

/* A role's context CN=..;SAN=..;CERTTYPE=.. in parts. */
struct csr_grant {
    struct span common_name; /* `*` stands for any run of characters */
    struct span sans;  /* comma list: names, addresses, "*.example.com" (one label), "*" (any) */
    struct span types; /* comma list */
};
/* What the nearest of the grants says; CSR_GOOD as soon as one of them allows all. */
enum csr_verdict csr_granted(const struct csr *csr, enum cert_type type,
                             const struct csr_grant *grants, size_t count);

#endif
