// SPDX-License-Identifier: Apache-2.0
/* signed_json_split and qe_identity_parse: what is accepted is sorted, without twins. */
#include <assert.h>

#include "collateral/qe_identity.h"
#include "collateral/signed_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct qe_identity *identity owned(qe_identity_free) = NULL;
    struct signed_json split;

    if (!failed(signed_json_split(in, "enclaveIdentity", &split)))
        in = split.inner;
    if (failed(qe_identity_parse(in, &identity)))
        return 0;
    for (size_t i = 1; i < identity->levels.count; i++)
        assert(identity->levels.at[i - 1].isvsvn > identity->levels.at[i].isvsvn);
    return 0;
}
