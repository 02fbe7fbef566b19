// SPDX-License-Identifier: Apache-2.0
#include "attestd/child.h"

#include <string.h>

const char *const child_names[CHILD_COUNT] = {
    [CHILD_ISSUER] = "attestd: token-issuer",
    [CHILD_ZYGOTE] = "attestd: verify-worker zygote",
    [CHILD_FRONT] = "attestd: front",
};

enum child_kind child_of(const char *name)
{
    int k = 0;
    while (k < CHILD_COUNT && strcmp(name, child_names[k]) != 0)
        k++;
    return (enum child_kind)k;
}
