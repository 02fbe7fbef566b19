// SPDX-License-Identifier: Apache-2.0
/* Which characters names may have: the one place, used at every input. */
#ifndef ACCESS_NAME_INTERNAL_H
#define ACCESS_NAME_INTERNAL_H

#include "base/span.h"

/* 1 to `max` bytes of [A-Za-z0-9] and those in `further`. */
bool name_of_charset(struct span name, const char *further, size_t max);
/* ASCII only. */
bool name_equal_nocase(struct span a, struct span b);
char name_lower(char c);
char name_upper(char c);

#endif
