// SPDX-License-Identifier: Apache-2.0
/* The whole verify call: the first byte says with which genuine collateral and time, the rest is
 * the evidence. */
#include <assert.h>

#include "verify_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verify_world_set *sets;
    size_t count = verify_world(&sets);
    struct verify_result *r owned(verify_result_free) = NULL;
    json_t *answer owned(json_free) = NULL;
    struct collateral_key key;

    if (!size)
        return 0;
    const struct verify_world_set *s = &sets[data[0] % count];
    struct span evidence = span_from(data + 1, size - 1);
    (void)evidence_needs(evidence, &key).kind;
    assert(!failed(
        verify_evidence(world_verifier, evidence, s->collateral, s->at, (struct span){ 0 }, &r)));
    assert(verify_result_verified(r) == !*verify_result_reason(r));
    assert(!failed(verify_result_json(r, &answer)));
    assert(verify_result_claims(r));
    return 0;
}
