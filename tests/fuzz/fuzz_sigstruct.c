// SPDX-License-Identifier: Apache-2.0
/* sigstruct_parse, sigstruct_check */
#include "verify/sigstruct_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sigstruct s;
    owned(json_free) json_t *claims = NULL;
    if (failed(sigstruct_parse(span_from(data, size), &s)))
        return 0;
    if (failed(sigstruct_check(&s, &claims)) != !claims)
        __builtin_trap();
    return 0;
}
