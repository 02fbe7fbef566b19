// SPDX-License-Identifier: Apache-2.0
/* What a role may be named and hold: checked at the one input. */
#ifndef ACCESS_ROLE_SPEC_INTERNAL_H
#define ACCESS_ROLE_SPEC_INTERNAL_H

#include "access/role.h"
#include "access/role_context.h"

struct role_text {
    char service[ROLE_SERVICE_MAX + 1], name[ROLE_NAME_MAX + 1], context[ROLE_CONTEXT_MAX + 1];
    char *permissions; /* JSON array, for free() */
};
void role_text_done(struct role_text *t);
static inline void role_text_donep(struct role_text *t)
{
    role_text_done(t);
}

fallible role_spec_check(const struct role_spec *spec, struct role_text *out);
/* The canonical text of an array of rules; NULL array: "[]". For free(). */
fallible role_rules_check(const json_t *permissions, char **out);

#endif
