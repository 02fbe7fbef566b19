// SPDX-License-Identifier: Apache-2.0
/* One run of the parser. */
#ifndef POLICY_PARSE_INTERNAL_H
#define POLICY_PARSE_INTERNAL_H

#include "policy/policy_internal.h"

struct parse {
    struct policy *policy;
    size_t room;
    char **message;  /* what is wrong first, or NULL */
    json_t *remarks; /* not NULL: all that is wrong is listed here, and `message` is not touched */
};
fallible policy_build(const json_t *document, struct parse *p, struct policy **out);

#endif
