// SPDX-License-Identifier: Apache-2.0
/* measurements_verify: of any text, and of any payload by the right key */
#include <assert.h>

#include "signer.h"
#include "token/measurements.h"

#define NOW 1795435200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span payload = span_from(data, size);
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    owned(json_free) json_t *stranger = NULL, *bundle = NULL;
    /* Nobody else has the key. */
    assert(failed(measurements_verify(payload, signer_keys(), NOW, &stranger)));
    signer_sign(MEASUREMENTS_TYP, payload, &jws);
    if (failed(measurements_verify(buf_span(&jws), signer_keys(), NOW, &bundle)))
        return 0;
    size_t sets = json_array_size(json_object_get(bundle, "sets"));
    assert(sets && sets <= MEASUREMENT_SETS_MAX);
    return 0;
}
