// SPDX-License-Identifier: Apache-2.0
/* use_request_parse, and key_use_check of what it gives */
#include "broker/use_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct key_spec specs[] = { { KEY_ALGORITHM_RSA, 2048 }, { KEY_ALGORITHM_EC, 256 } };
    static struct use_request r;
    json_t *j owned(json_free) = NULL;

    if (failed(json_parse_object(span_from(data, size), &j)) || failed(use_request_parse(j, &r)) || r.describe)
        return 0;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        if (!failed(key_use_check(&r.use, &specs[i])) && r.use.input.len > KEY_INPUT_MAX)
            __builtin_trap();
    return 0;
}
