// SPDX-License-Identifier: Apache-2.0
/* signed_json_split and tcb_info_parse: what is accepted is sorted, without twins. */
#include <assert.h>

#include "collateral/signed_json.h"
#include "collateral/tcb_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct tcb_info *info owned(tcb_info_free) = NULL;
    struct signed_json split;

    if (!failed(signed_json_split(in, "tcbInfo", &split)))
        in = split.inner;
    if (failed(tcb_info_parse(in, &info)))
        return 0;
    assert(info->level_count && info->level_count <= LEVELS_MAX);
    for (size_t i = 1; i < info->level_count; i++)
        assert(memcmp(info->levels[i - 1].sgx, info->levels[i].sgx, TCB_COMPONENTS) >= 0);
    return 0;
}
