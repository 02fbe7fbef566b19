// SPDX-License-Identifier: Apache-2.0
/* What Vault's transit engine says of a key and gives back: accepted is a key of the kind that it says. */
#include <assert.h>

#include "keys/vault_transit_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct key *k owned(key_free) = NULL;
    struct buf bytes owned(buf_done) = buf_of(1024);
    struct key_spec spec = { 0 };
    uint64_t version = 0;

    if (!failed(vault_transit_parse(in, &spec, &version, &k))) {
        assert(version > 0 && !failed(key_spec_check(&spec)));
        assert((k == NULL) == (spec.algorithm == KEY_ALGORITHM_AES));
        assert(!k || key_bits(k) == spec.bits);
    }
    if (!failed(vault_transit_bytes(in, &bytes)))
        assert(bytes.len < size);
    return 0;
}
