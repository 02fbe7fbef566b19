// SPDX-License-Identifier: Apache-2.0
/*
 * Certificates and CRLs of the simulator's own PKI in the form of the vendors': P-256 with SHA-256
 * (Intel's), RSA with PSS and SHA-384 (AMD's), by the signer's key. The structs are forms to be
 * filled: a test takes a good one and changes the field under test.
 */
#ifndef TEESIM_CERTIFICATE_H
#define TEESIM_CERTIFICATE_H

#include "base/buf.h"
#include "crypto/key.h"

#define FORGE_CERT_MAX (16U << 10)
#define FORGE_KEY_ID_SIZE 20

#define FORGE_USAGE_SIGN 0xc0         /* digitalSignature, nonRepudiation */
#define FORGE_USAGE_CA 0x06           /* keyCertSign, cRLSign */
#define FORGE_USAGE_CERTIFICATES 0x04 /* keyCertSign */

struct forge_certificate {
    const char *subject, *issuer;      /* common names; the rest of the name is fixed */
    struct span subject_dn, issuer_dn; /* raw names in their place */
    const struct key *key;             /* the subject's */
    const struct key *signer;          /* private; its key identifier is the authority's */
    struct span serial;                /* empty: the subject's key identifier */
    int64_t not_before, not_after;
    bool no_constraints, ca;
    int path_len;              /* -1: none */
    uint8_t key_usage;         /* 0: no such extension */
    struct span sgx_extension; /* content; empty: none */
    struct span extra;         /* whole extensions, written as they are */
    bool sgx_extension_twice;
    bool no_authority_id, unknown_critical, broken_signature;
};
/* Appends the DER. */
fallible forge_certificate_write(const struct forge_certificate *form, struct buf *der);
void forge_certificate_pem(struct span der, struct buf *out);

struct forge_crl {
    const char *issuer;
    struct span issuer_dn;
    const struct key *signer;
    int64_t this_update, next_update;
    const struct span *serials; /* big-endian */
    size_t count;
    uint64_t number;
    bool no_next_update, no_number, no_authority_id, unknown_critical, broken_signature;
};
fallible forge_crl_write(const struct forge_crl *form, struct buf *der);

/* Appends one extension, not critical. */
void forge_extension_add(struct buf *b, const char *oid, struct span content);

/* SHA-1 of the public point (RFC 5280 section 4.2.1.2, method 1); of RSA keys, of the whole key. */
fallible forge_key_id(const struct key *k, uint8_t out[FORGE_KEY_ID_SIZE]);
/* The DER name that a common name stands for. */
void forge_name_add(struct buf *b, const char *common_name);

#endif
