// SPDX-License-Identifier: Apache-2.0
/* Decimal numbers of command lines and settings: digits only, no sign, no overflow. */
#ifndef BASE_NUMBER_INTERNAL_H
#define BASE_NUMBER_INTERNAL_H

#include "base/span.h"

bool number_parse(struct span text, uint64_t *out);

#endif
