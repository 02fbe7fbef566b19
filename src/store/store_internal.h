// SPDX-License-Identifier: Apache-2.0
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include "store/store.h"

/* Several statements without parameters: a migration's text. */
fallible store_execute(struct store *s, const char *sql);

#endif
