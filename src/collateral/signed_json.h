// SPDX-License-Identifier: Apache-2.0
/*
 * The envelope of Intel's signed documents: {"tcbInfo":{...},"signature":"<128 hex digits>"}, the
 * two members in either order. The signature covers the inner object's exact bytes as served, so
 * they are cut out by a scanner that knows strings, escapes and brackets, and are parsed only once
 * verified.
 */
#ifndef COLLATERAL_SIGNED_JSON_H
#define COLLATERAL_SIGNED_JSON_H

#include "base/bounds.h"
#include "base/err.h"
#include "base/span.h"

#define SIGNED_JSON_SIGNATURE_SIZE 64

struct signed_json {
    struct span inner;
    uint8_t signature[SIGNED_JSON_SIGNATURE_SIZE];
};

/* `member` is "tcbInfo" or "enclaveIdentity". `inner` points into the text. */
fallible signed_json_split(struct span text, const char *member, struct signed_json *out);

#endif
