// SPDX-License-Identifier: Apache-2.0
/* What certificates, revocation lists and requests share: extensions, names, signature algorithms.
 */
#ifndef CRYPTO_X509_INTERNAL_H
#define CRYPTO_X509_INTERNAL_H

#include "base/bounds.h"
#include "crypto/der_internal.h"
#include "crypto/signature.h"
#include "crypto/x509.h"

struct extension {
    struct span oid, value;
    bool critical;
};
struct extensions {
    struct extension at[CERT_EXTENSIONS_MAX];
    size_t count;
};

extern const struct span oid_subject_key_id, oid_key_usage, oid_san, oid_basic_constraints,
    oid_crl_number, oid_authority_key_id, oid_extended_key_usage, oid_server_auth, oid_client_auth;

/* SEQUENCE OF Extension; an extension given twice fails the reader (RFC 5280 section 4.2). */
void extensions_read(struct reader *r, struct extensions *out);
/* Empty span when absent. */
struct span extensions_find(const struct extensions *e, struct span oid);
/* Is one critical that is not in the list? */
bool extensions_unknown_critical(const struct extensions *e, const struct span *known,
                                 size_t count);
fallible key_id_read(struct span value, struct span *out);
fallible authority_key_id_read(struct span value, struct span *out);

/* Attributes of this type in a name; exactly one, of UTF8String, PrintableString or IA5String,
 * without NULs. */
fallible name_get_cn(struct span name, struct span *out);

/* SEQUENCE { SET { SEQUENCE { CN, UTF8String } } }; FAIL_INPUT when it is not 1 to 64 bytes without
 * controls. */
fallible name_put_cn(struct der_writer *w, const char *common_name);

/* Subject alternative names: DNS names and IP addresses as text; NULL-terminated. */
fallible san_put(struct der_writer *w, const char *const *names);
/* A malloc'ed list, free with san_free; *other: names of other kinds are there. */
fallible san_read(struct span value, char ***names, bool *other);
void san_free(char **names);

/* Extensions to be written, each put before those put earlier. */
void extension_put(struct der_writer *w, struct span oid, bool critical, struct span value);
/* SHA-256 of the public key, cut to 20 bytes (RFC 7093 section 2, method 1). */
#define KEY_ID_SIZE 20
fallible key_id_of(const struct key *k, uint8_t out[KEY_ID_SIZE]);
void authority_key_id_put(struct der_writer *w, struct span id);

/* `algorithm` is the AlgorithmIdentifier, DER; `signature` the BIT STRING's content. */
fallible signed_check(struct span tbs, struct span algorithm, struct span signature,
                      const struct key *issuer, bool *good);
/* Signs what the writer holds and wraps it: SEQUENCE { tbs, algorithm, signature }. */
fallible signed_wrap(struct der_writer *w, const struct key *issuer);
/* The AlgorithmIdentifier with which this key signs. */
void put_signature_algorithm(struct der_writer *w, const struct key *issuer);

#endif
