// SPDX-License-Identifier: Apache-2.0
#include "verify_world.h"

#include <assert.h>

#include "base/file.h"
#include "crypto/crypto.h"

#define SET(kind, set, evidence, time)                                                             \
    {                                                                                              \
        .name = VECTORS "/" kind "/" set, .evidence_name = evidence, .at = time                    \
    }

static struct verify_world_set sets[] = {
    SET("intel", "sgx3-plat-00606a000000-77bcbd-ev15-2759", "quote.bin", 1685382861),
    SET("intel", "tdx4-plat-b0c06f000000-0c699d-ev20-eb07", "quote.bin", 1792714008),
    SET("intel", "tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07", "quote.bin", 1792714008),
    SET("snp", "genoa-vcek-v5-6d1ceffa", "report.bin", 1792714008),
    SET("snp", "turin-vcek-v5-3f44a09b", "report.bin", 1792714008),
};
#define SETS (sizeof(sets) / sizeof(*sets))

struct verifier *world_verifier;

static void set_load(struct verify_world_set *s)
{
    char path[1024];

    s->evidence = buf_of(1U << 20);
    snprintf(path, sizeof(path), "%s/%s", s->name, s->evidence_name);
    assert(!failed(file_read(path, &s->evidence)));
    assert(!failed(collateral_dir_load(s->name, &s->dir)));
    struct collateral_raw raw = collateral_dir_raw(&s->dir);
    assert(!failed(collateral_set_load(world_verifier, &raw, &s->collateral)));
    struct verify_result *r owned(verify_result_free) = NULL;
    assert(!failed(verify_evidence(world_verifier, buf_span(&s->evidence), s->collateral, s->at,
                                   (struct span){ 0 }, &r)));
    assert(verify_result_verified(r));
}

size_t verify_world(struct verify_world_set **out)
{
    if (!world_verifier) {
        assert(!failed(crypto_start(CRYPTO_MEMORY_PLAIN)));
        assert(!failed(verifier_new(NULL, 0, &world_verifier)));
        for (size_t i = 0; i < SETS; i++)
            set_load(&sets[i]);
    }
    *out = sets;
    return SETS;
}
