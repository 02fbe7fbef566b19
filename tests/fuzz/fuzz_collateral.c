// SPDX-License-Identifier: Apache-2.0
/* Collateral: the first byte chooses a genuine set, the second the part of it that the rest stands
 * for. Then its evidence is verified. */
#include <assert.h>

#include "verify_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verify_world_set *sets;
    size_t count = verify_world(&sets);
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct verify_result *r owned(verify_result_free) = NULL;
    json_t *answer owned(json_free) = NULL;

    if (size < 2)
        return 0;
    const struct verify_world_set *s = &sets[data[0] % count];
    struct collateral_raw raw = collateral_dir_raw(&s->dir);
    *collateral_part(&raw, data[1] % COLLATERAL_PARTS) = span_from(data + 2, size - 2);
    assert(!failed(collateral_set_load(world_verifier, &raw, &c)));
    assert(!failed(
        verify_evidence(world_verifier, buf_span(&s->evidence), c, s->at, (struct span){ 0 }, &r)));
    assert(!failed(verify_result_json(r, &answer)));
    return 0;
}
