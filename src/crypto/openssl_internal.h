// SPDX-License-Identifier: Apache-2.0
/* OpenSSL's objects as owned values. */
#ifndef CRYPTO_OPENSSL_INTERNAL_H
#define CRYPTO_OPENSSL_INTERNAL_H

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#include "base/owned.h"

OWNED_TYPE(BIGNUM, BN_clear_free)
OWNED_TYPE(EC_POINT, EC_POINT_free)
OWNED_TYPE(ECDSA_SIG, ECDSA_SIG_free)
OWNED_TYPE(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
OWNED_TYPE(EVP_PKEY, EVP_PKEY_free)
OWNED_TYPE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OWNED_TYPE(OSSL_PARAM, OSSL_PARAM_free)
OWNED_TYPE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)

#endif
