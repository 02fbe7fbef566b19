// SPDX-License-Identifier: Apache-2.0
/* The secure heap: one locked arena per process, made by crypto_start() or on first use. */
#ifndef CRYPTO_ARENA_INTERNAL_H
#define CRYPTO_ARENA_INTERNAL_H

#include <stdbool.h>

/* False when there is none and none can be made: then there are no secrets, rather than secrets in
 * the ordinary heap. */
bool arena_ready(void);

#endif
