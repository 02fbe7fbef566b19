// SPDX-License-Identifier: Apache-2.0
/* Challenges that were used: one row each, kept well past their expiry. */
#ifndef BROKER_SPENT_H
#define BROKER_SPENT_H

#include "broker/challenge.h"
#include "store/store.h"

/* *first: nobody has before. */
fallible spent_add(struct store *s, const struct challenge *c, bool *first);
fallible spent_has(struct store *s, const struct challenge *c, bool *spent);

#endif
