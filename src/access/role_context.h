// SPDX-License-Identifier: Apache-2.0
/*
 * The context of a role: "key=value;key=value", for example "permissions=nginx,USA"
 * (KBS:KeyTransfer) and "CN=nginx;SAN=localhost,127.0.0.1;CERTTYPE=TLS" (CMS:CertApprover). Keys
 * are compared without regard to case, each may be there once, values are non-empty; lists are
 * comma-separated without empty entries. A text that is not of this form is refused whole: a role
 * whose context cannot be understood grants nothing.
 *
 * Spans point into the text given to role_context_parse().
 */
#ifndef ACCESS_ROLE_CONTEXT_H
#define ACCESS_ROLE_CONTEXT_H

#include "base/err.h"
#include "base/span.h"

#define ROLE_CONTEXT_MAX 512
#define ROLE_CONTEXT_PAIRS_MAX 8

struct role_context {
    struct {
        struct span key, value;
    } pairs[ROLE_CONTEXT_PAIRS_MAX];
    size_t count;
};

/* The empty text is a context without pairs. Blanks around keys, values and list entries are
 * dropped. */
fallible role_context_parse(struct span text, struct role_context *out);
/* The value of a key; empty when absent. */
struct span role_context_get(const struct role_context *c, const char *key);

/* Takes the next entry from the front of a comma list; false at its end. */
bool context_list_next(struct span *list, struct span *entry);
/* An entry equals `item`, byte by byte: an item with a comma or `*` is never more than itself. */
bool context_list_has(struct span list, struct span item);

#endif
