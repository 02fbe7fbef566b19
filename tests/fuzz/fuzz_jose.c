// SPDX-License-Identifier: Apache-2.0
/* jws_verify, jwe_open, jwks_parse: nothing made up verifies or opens. */
#include <assert.h>

#include "crypto/jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key *k;
    if (!k)
        assert(!failed(key_make_ec(KEY_P256, &k)));
    struct span in = span_from(data, size);
    struct secret *plain owned(secret_free) = NULL;
    struct jwks *set owned(jwks_free) = NULL;

    assert(failed(jws_verify(k, in, NULL, NULL)));
    assert(failed(jwe_open(k, in, NULL, &plain)));
    (void)jwks_parse(in, &set).kind;
    return 0;
}
