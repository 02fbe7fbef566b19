// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_TEESIM_FAILED_CHECK_H
#define TESTS_TEESIM_FAILED_CHECK_H

#include <string.h>

#include "verify/verify.h"

static inline bool fails(const struct verify_result *r, const char *check)
{
    const struct check *checks = NULL;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (checks[i].outcome == CHECK_FAILED && strcmp(checks[i].name, check) == 0)
            return true;
    return false;
}

#endif
