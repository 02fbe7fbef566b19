// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

const char *fail_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [FAIL_NONE] = "none",         [FAIL_INPUT] = "input",       [FAIL_DENIED] = "denied",
        [FAIL_ABSENT] = "absent",     [FAIL_CONFLICT] = "conflict", [FAIL_LIMIT] = "limit",
        [FAIL_UPSTREAM] = "upstream", [FAIL_SYSTEM] = "system",
    };

    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}
