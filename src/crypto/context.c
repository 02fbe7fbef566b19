// SPDX-License-Identifier: Apache-2.0
#include "crypto/context_internal.h"

#include <openssl/crypto.h>
#include <pthread.h>

#include "crypto/crypto.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *own;

static void make_own(void)
{
    own = OSSL_LIB_CTX_new();
}

fallible crypto_start_embedded(void)
{
    (void)pthread_once(&once, make_own);
    return own ? OK : FAIL(SYSTEM, "memory is short");
}

OSSL_LIB_CTX *crypto_context(void)
{
    return own;
}
