// SPDX-License-Identifier: Apache-2.0
/* What certificates, revocation lists and requests share: extensions, names, signature algorithms. */
#ifndef CRYPTO_X509_INTERNAL_H
#define CRYPTO_X509_INTERNAL_H

#include "crypto/der_internal.h"
#include "crypto/signature.h"
#include "crypto/x509.h"

#define EXTENSIONS_MAX 64

struct extension {
    struct span oid, value;
    bool critical;
};
struct extensions {
    struct extension at[EXTENSIONS_MAX];
    size_t count;
};

extern const struct span oid_subject_key_id, oid_key_usage, oid_san, oid_basic_constraints, oid_crl_number,
    oid_authority_key_id, oid_extended_key_usage;

/* SEQUENCE OF Extension; an extension given twice fails the reader (RFC 5280 section 4.2). */
void extensions_read(struct reader *r, struct extensions *out);
/* Empty span when absent. */
struct span extensions_find(const struct extensions *e, struct span oid);
/* Is one critical that is not in the list? */
bool extensions_unknown_critical(const struct extensions *e, const struct span *known, size_t count);
fallible key_id_read(struct span value, struct span *out);
fallible authority_key_id_read(struct span value, struct span *out);

/* Attributes of this type in a name; exactly one, of UTF8String, PrintableString or IA5String, without NULs. */
fallible name_get_cn(struct span name, struct span *out);

/* `algorithm` is the AlgorithmIdentifier, DER; `signature` the BIT STRING's content. */
fallible signed_check(struct span tbs, struct span algorithm, struct span signature, const struct key *issuer,
                      bool *good);
/* Signs what the writer holds and wraps it: SEQUENCE { tbs, algorithm, signature }. */
fallible signed_wrap(struct der_writer *w, const struct key *issuer);
/* The AlgorithmIdentifier with which this key signs. */
void put_signature_algorithm(struct der_writer *w, const struct key *issuer);

#endif
