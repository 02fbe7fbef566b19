// SPDX-License-Identifier: Apache-2.0
#ifndef CRYPTO_CONTEXT_INTERNAL_H
#define CRYPTO_CONTEXT_INTERNAL_H

#include <openssl/types.h>

/* NULL: OpenSSL's default one. */
OSSL_LIB_CTX *crypto_context(void);

#endif
