// SPDX-License-Identifier: Apache-2.0
#include "base/seccomp_lists_internal.h"

#include <stddef.h>

const char *const seccomp_runtime[] = { NULL };
