// SPDX-License-Identifier: Apache-2.0
/* The name that was probably meant. */
#ifndef POLICY_NEAREST_INTERNAL_H
#define POLICY_NEAREST_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* `name_at` gives names by number, NULL past the last. NULL: none is near. */
const char *nearest_name(const char *given, const char *(*name_at)(size_t at));

#endif
