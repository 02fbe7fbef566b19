// SPDX-License-Identifier: Apache-2.0
/*
 * PEM (RFC 7468), strict: a block's body is base64 and line ends only, without headers, and between
 * blocks there is nothing but white space.
 */
#ifndef CRYPTO_PEM_INTERNAL_H
#define CRYPTO_PEM_INTERNAL_H

#include "base/buf.h"
#include "crypto/secret.h"

struct pem_block {
    struct span label; /* "CERTIFICATE" */
    struct span body;  /* base64 with line ends */
};

/* Cuts the next block off `rest`, with the white space around it. */
fallible pem_next(struct span *rest, struct pem_block *out);
/* Appends. */
fallible pem_decode(const struct pem_block *block, struct buf *der);
fallible pem_decode_secret(const struct pem_block *block, struct secret **der);
void pem_add(struct buf *out, const char *label, struct span der);
fallible pem_from_secret(const char *label, const struct secret *der, struct secret **out);

#endif
