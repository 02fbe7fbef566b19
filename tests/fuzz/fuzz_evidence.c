// SPDX-License-Identifier: Apache-2.0
/* verify_evidence as a whole, without collateral: never verified, always an answer. */
#include <assert.h>

#include "crypto/crypto.h"
#include "verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verifier *v;
    struct verify_result *r owned(verify_result_free) = NULL;
    struct collateral_key key;
    json_t *answer owned(json_free) = NULL;
    struct span in = span_from(data, size);

    if (!v) {
        assert(!failed(crypto_start(CRYPTO_MEMORY_PLAIN)));
        assert(!failed(verifier_new(NULL, 0, &v)));
    }
    (void)evidence_needs(in, &key).kind;
    assert(!failed(verify_evidence(v, in, NULL, 1795000000, (struct span){ 0 }, &r)));
    assert(!verify_result_verified(r) && *verify_result_reason(r));
    assert(!failed(verify_result_json(r, &answer)));
    return 0;
}
