// SPDX-License-Identifier: Apache-2.0
#ifndef CRYPTO_DIGEST_INTERNAL_H
#define CRYPTO_DIGEST_INTERNAL_H

#include <openssl/evp.h>

#include "crypto/digest.h"

/* Fetched once and kept; NULL when OpenSSL has none. */
const EVP_MD *digest_object(enum digest_kind kind);

#endif
