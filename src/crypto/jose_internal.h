// SPDX-License-Identifier: Apache-2.0
/* What JWS and JWE share: the compact form's parts and the rules on protected headers. */
#ifndef CRYPTO_JOSE_INTERNAL_H
#define CRYPTO_JOSE_INTERNAL_H

#include "crypto/jose.h"

/* Splits at dots into exactly `count` parts (some may be empty); FAIL_INPUT otherwise. */
fallible jose_split(struct span text, size_t count, struct span *parts);
/* base64url JSON object; refuses crit, zip, b64, jku, x5u, x5c and jwk (RFC 8725 sections 3.1, 3.10). */
fallible jose_header(struct span part, json_t **out);
fallible jose_wants(const json_t *header, const char *member, const char *value, const char *what);
/* A copy of `extra` (may be NULL) with "alg" first, as base64url text. */
fallible jose_add_header(const json_t *extra, const char *alg, json_t *more, struct buf *out);
/* "ES256", "ES384", "PS384" by the key; NULL for keys of no use here. */
const char *jws_algorithm(const struct key *k);

#endif
