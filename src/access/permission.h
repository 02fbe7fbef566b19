// SPDX-License-Identifier: Apache-2.0
/*
 * Permission rules: "resource:action[:context]", each part a word or `*` alone. What a program
 * needs is always two literal parts ("keys:create") and, where the operation has one, a context
 * that may come from outside. Parts are compared whole and byte by byte, so a `*`, `:` or `/` in a
 * needed value is only ever itself and never widens a match (lesson L18).
 */
#ifndef ACCESS_PERMISSION_H
#define ACCESS_PERMISSION_H

#include "base/span.h"

#define RULE_MAX 512 /* bytes of one rule */

/* Two or three non-empty parts; words of [A-Za-z0-9_.@-], further [/,= ] in the context. */
bool rule_valid(struct span rule);

/* `needed` is "resource:action". A rule without a context part allows what needs no context, one
 * with `*` allows any. An invalid rule allows nothing. */
bool rule_allows(struct span rule, const char *needed, struct span context);

#endif
