// SPDX-License-Identifier: Apache-2.0
/* What JWS and JWE share: compact texts and their protected headers. */
#ifndef CRYPTO_JOSE_INTERNAL_H
#define CRYPTO_JOSE_INTERNAL_H

#include "base/bounds.h"
#include "crypto/jose.h"

/* Exactly `count` parts between dots, else FAIL_INPUT. */
fallible jose_split(struct span text, size_t count, struct span parts[JOSE_PARTS_MAX]);
/* base64url of a JSON object; FAIL_INPUT. */
fallible jose_parse_header(struct span part, json_t **out);
/* `alg` is the key's; members that we refuse are not there: else FAIL_DENIED. */
fallible jose_check_header(const json_t *header, const char *alg, const char *const *refused);
/* A copy of `members` (may be NULL) with "alg". */
fallible jose_make_header(const json_t *members, const char *alg, json_t **out);
fallible jose_add_header(const json_t *header, struct buf *out);

/* NULL for keys that have none. */
const char *jws_algorithm(const struct key *k);
/* Of a key of others', which may name it. */
const char *jws_algorithm_foreign(const struct key *k, struct span named);

#endif
