// SPDX-License-Identifier: Apache-2.0
/* The three NIST curves: their names in each encoding and their group, made once. */
#ifndef CRYPTO_CURVE_INTERNAL_H
#define CRYPTO_CURVE_INTERNAL_H

#include <openssl/ec.h>

#include "crypto/key.h"

#define COORDINATE_MAX 66
#define POINT_MAX (1 + 2 * COORDINATE_MAX)

struct curve {
    enum key_kind kind;
    const char *name; /* NIST and JWK name */
    size_t size;      /* of a coordinate and of the order, in bytes */
    unsigned bits;
    int nid;
    struct span oid; /* DER content */
};

/* NULL for KEY_RSA. */
const struct curve *curve_of(enum key_kind kind);
const struct curve *curve_by_oid(struct span oid);
const struct curve *curve_by_name(struct span name);
static inline size_t curve_point_size(const struct curve *c)
{
    return 1 + 2 * c->size;
}
/* NULL when OpenSSL has none. */
const EC_GROUP *curve_group(const struct curve *c);
/* Domain parameters alone: new keys copy them, which costs a third of looking them up by name. NULL
 * as above. */
EVP_PKEY *curve_parameters(const struct curve *c);

#endif
