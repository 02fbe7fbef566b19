// SPDX-License-Identifier: Apache-2.0
#include "base/number_internal.h"

bool number_parse(struct span text, uint64_t *out)
{
    uint64_t v = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.at[i] - '0';

        if (text.at[i] < '0' || text.at[i] > '9' || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}
