// SPDX-License-Identifier: Apache-2.0
/*
 * X.509 certificates: parsing, what evidence verification needs of them, and issuing (for pki/ and
 * the TEE simulator). A parsed certificate owns a copy of its DER; spans point into it.
 */
#ifndef CRYPTO_X509_H
#define CRYPTO_X509_H

#include "base/bounds.h"
#include "crypto/key.h"

struct cert;

fallible cert_from_der(struct span der, struct cert **out); /* trailing bytes are refused */
/* One or more PEM certificates, at most CHAIN_MAX. Between and around them only white space, and
 * NULs at the very end; anything else is FAIL_INPUT (PEM_read_bio would skip it silently). */
struct chain {
    struct cert *certs[CHAIN_MAX];
    size_t count;
};
fallible chain_from_pem(struct span pem, struct chain *out);
/* The same; a certificate that is one of the known, byte for byte, is shared with them and not read
 * again. */
fallible chain_from_pem_sharing(struct span pem, struct cert *const *known, size_t count,
                                struct chain *out);
void chain_done(struct chain *c);
static inline void chain_donep(struct chain *c)
{
    chain_done(c);
}
void cert_free(struct cert *c);
OWNED_TYPE(struct cert, cert_free)
struct cert *cert_ref(struct cert *c);

struct span cert_der(const struct cert *c);
struct span cert_tbs(const struct cert *c);     /* raw signed bytes */
struct span cert_subject(const struct cert *c); /* raw DN, DER */
struct span cert_issuer(const struct cert *c);
fallible cert_subject_cn(const struct cert *c,
                         struct buf *out); /* exactly one CN, else FAIL_INPUT */
fallible cert_issuer_cn(const struct cert *c, struct buf *out);
struct span cert_serial(const struct cert *c); /* big-endian, no leading zeros */
const struct key *cert_key(const struct cert *c);
int64_t cert_not_before(const struct cert *c);
int64_t cert_not_after(const struct cert *c);
bool cert_is_ca(const struct cert *c);
int cert_path_len(const struct cert *c); /* -1: none */
bool cert_may_sign_certs(const struct cert *c);
bool cert_may_sign_crls(const struct cert *c);
struct span cert_subject_key_id(const struct cert *c); /* empty when absent */
struct span cert_authority_key_id(const struct cert *c);
bool cert_has_unknown_critical(const struct cert *c);
/* The extension's content (inside the OCTET STRING), empty span when absent; `oid` is the DER
 * content bytes. */
struct span cert_extension(const struct cert *c, struct span oid);
/* Its alternative names as text, NULL-terminated, for cert_names_free(); others than host names and
 * addresses are FAIL_INPUT. */
fallible cert_names(const struct cert *c, char ***out);
void cert_names_free(char **names);
bool cert_equal(const struct cert *a, const struct cert *b);
/* Signature by the issuer's key over the raw bytes; ECDSA with SHA-256/384, RSA PKCS#1 and PSS with
 * SHA-256/384. Names are the caller's to compare. */
fallible cert_signed_by(const struct cert *c, const struct key *issuer, bool *good);
fallible cert_to_pem(const struct cert *c, struct buf *out);

/* Issuing. */
struct cert_request {
    const char *common_name;
    const char *const *san; /* NULL-terminated: host names and IP addresses; NULL for none */
    const struct key *key;  /* the subject's public key */
    int64_t not_before, not_after;
    bool ca;
    int path_len; /* -1: none */
    bool server_auth, client_auth;
    const struct cert_extra { /* more extensions: dotted OID, DER content */
        const char *oid;
        struct span value;
        bool critical;
    } * extra; /* ends with oid NULL; or NULL */
};
/* `issuer` NULL: self-signed. Random 128-bit serial. */
fallible cert_issue(const struct cert_request *req, const struct cert *issuer,
                    const struct key *issuer_key, struct cert **out);

/* Certificate signing requests (PKCS#10). */
struct csr {
    struct key *key;
    char *common_name;
    char **san;           /* NULL-terminated: "DNS" names and IP addresses as text */
    bool has_other_names; /* e-mail, URI or others are there */
    /* What it asks for besides names. */
    bool wants_ca;     /* a CA's basic constraints, or to sign certificates or CRLs */
    bool names_usages; /* extended key usages; those that are none of the next two: */
    bool server_auth, client_auth, other_usage;
    bool has_other_extensions; /* none of those, nor a subject key identifier */
};
fallible csr_parse(struct span pem_or_der, struct csr *out); /* the self-signature is checked */
void csr_done(struct csr *r);
static inline void csr_donep(struct csr *r)
{
    csr_done(r);
}
fallible csr_make(const struct key *k, const char *common_name, const char *const *san,
                  struct buf *pem);

#endif
