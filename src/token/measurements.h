// SPDX-License-Identifier: Apache-2.0
/*
 * Measurement bundles: reference values that a build or a vendor signs, as a compact JWS with typ
 * "warder-measurements+jwt" by a key that the reader has pinned (`kid` is its thumbprint):
 *   {"name":"web","issued":"2026-11-23T12:00:00Z","expires":"..."?,
 *    "sets":[{"name":"web 1.2","claims":{"mrtd":["<hex>",...],"seamsvn":5}}]}
 * What a set means in a policy is said in policy/reference.h.
 */
#ifndef TOKEN_MEASUREMENTS_H
#define TOKEN_MEASUREMENTS_H

#include "base/bounds.h"
#include "crypto/jose.h"

#define MEASUREMENTS_TYP "warder-measurements+jwt"

/* An unknown key, a bad signature, another typ, past its `expires`, `issued` in the future:
 * FAIL_DENIED. A payload of another form: FAIL_INPUT. *bundle is the payload, verified. */
fallible measurements_verify(struct span text, const struct jwks *keys, int64_t now,
                             json_t **bundle);

#endif
