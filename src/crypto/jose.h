// SPDX-License-Identifier: Apache-2.0
/*
 * A small profile of JOSE on EVP, compact serialization only (RFC 7515, 7516, 7518):
 * JWS with ES256, ES384, PS384 (and, of other issuers, RS256); JWE with ECDH-ES+A256KW (P-256,
 * P-384, P-521) or RSA-OAEP-256, content A256GCM. The algorithm comes from the key, never from the header alone (RFC 8725
 * section 3.1; lesson L35): a header that names another is refused, so are "none", "crit", "zip",
 * "b64", "jku", "x5u" and "jwk" members (but a JWE's "epk" is read).
 */
#ifndef CRYPTO_JOSE_H
#define CRYPTO_JOSE_H

#include "base/bounds.h"
#include "crypto/key.h"

/* `header` (may be NULL) gives further protected members, such as "typ" and "kid"; "alg" is added:
 * ES256 for P-256, ES384 for P-384, PS384 for RSA. */
fallible jws_sign(const struct key *k, const json_t *header, struct span payload, struct buf *out);
/* A bad signature or an unsuitable header is FAIL_DENIED; text that is not a JWS is FAIL_INPUT. Out
 * parameters may be NULL. */
fallible jws_verify(const struct key *k, struct span text, json_t **header, struct buf *payload);
/* The same of a key of others', for whom jwks_algorithm() says what it signs with. */
fallible jws_verify_as(const struct key *k, const char *alg, struct span text, json_t **header,
                       struct buf *payload);
/* The header before anything is verified: for choosing a key by "kid" only. */
fallible jws_peek_header(struct span text, json_t **header);

/* Further protected members are authenticated with the content: the way our answers carry
 * associated data. */
fallible jwe_seal(const struct key *recipient, const json_t *header, const struct secret *plain,
                  struct buf *out);
fallible jwe_open(const struct key *recipient, struct span text, json_t **header,
                  struct secret **plain);

/* For guests of Confidential Containers up to release 0.11, which know nothing else: RSA1_5, and
 * the header is not authenticated. Nothing of ours opens it. */
fallible jwe_seal_unauthenticated(const struct key *recipient, const struct secret *plain,
                                  struct buf *out);

/* A JSON Web Key Set of public keys; each gets "kid" (thumbprint), "use":"sig" and "alg". */
struct jwks;
fallible jwks_parse(struct span text, struct jwks **out);
/* The set of somebody else: RS256 too, which an RSA key means that does not say its `alg`. */
fallible jwks_parse_foreign(struct span text, struct jwks **out);
/* The key of a set that has one alone, else NULL. */
const struct key *jwks_single(const struct jwks *set);
/* Of a key in the set. */
const char *jwks_algorithm(const struct jwks *set, const struct key *k);
void jwks_free(struct jwks *set);
OWNED_TYPE(struct jwks, jwks_free)
/* NULL when absent. Borrowed. */
const struct key *jwks_find(const struct jwks *set, struct span kid);
size_t jwks_count(const struct jwks *set);
fallible jwks_text(const struct key *const *keys, size_t count, struct buf *out);

#endif
