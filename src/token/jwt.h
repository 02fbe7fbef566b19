// SPDX-License-Identifier: Apache-2.0
/*
 * JSON Web Tokens as all our programs use them (RFC 7519, RFC 8725): signed by one key whose
 * thumbprint is the `kid`, with an explicit `typ`, and with iss, aud, jti, iat, nbf and exp all
 * required (lessons L14, L35). The algorithm follows from the key that `kid` names, never from the
 * token alone.
 */
#ifndef TOKEN_JWT_H
#define TOKEN_JWT_H

#include "crypto/jose.h"

#define JWT_LEEWAY 60 /* seconds, for clocks that differ */

/* Why a token was refused; JWT_GOOD when it was not. */
enum jwt_fault {
    JWT_GOOD,
    JWT_MALFORMED,     /* not a token, or a required claim is missing or of the wrong type */
    JWT_UNKNOWN_KEY,   /* `kid` is not in the set */
    JWT_BAD_SIGNATURE, /* or an unsuitable header */
    JWT_WRONG_CLAIMS,  /* other typ, issuer or audience */
    JWT_NOT_YET,       /* nbf or iat lies in the future */
    JWT_EXPIRED
};

/* The compact token over `claims` as they are; header: alg, typ, kid. */
fallible jwt_sign(const struct key *k, const char *typ, const json_t *claims, struct buf *out);
/* The same over the text of a JSON object, byte for byte. */
fallible jwt_sign_text(const struct key *k, const char *typ, struct span claims, struct buf *out);

/* A refusal is FAIL_DENIED, or FAIL_INPUT for JWT_MALFORMED; `*fault` (may be NULL) says which in
 * either case.
 * `*claims` are the verified ones. */
fallible jwt_verify(struct span text, const struct jwks *keys, const char *typ, const char *issuer,
                    const char *audience, int64_t now, json_t **claims, enum jwt_fault *fault);

/* A token of somebody else's (OpenID Connect Core 1.0 section 3.1.3.7, RFC 9068): any typ; iss,
 * sub, aud, iat and exp required; with several audiences `azp` names ours. `keys` of
 * jwks_parse_foreign().
 */
fallible jwt_verify_foreign(struct span text, const struct jwks *keys, const char *issuer,
                            const char *audience, int64_t now, json_t **claims,
                            enum jwt_fault *fault);

/* Sets iss, aud, a fresh jti, iat = nbf = now and exp = now + lifetime. */
fallible jwt_stamp(json_t *claims, const char *issuer, const char *audience, int64_t now,
                   int64_t lifetime);

#endif
