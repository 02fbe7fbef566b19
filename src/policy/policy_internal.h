// SPDX-License-Identifier: Apache-2.0
/* A parsed policy: its nodes in document order, each before its children. */
#ifndef POLICY_POLICY_INTERNAL_H
#define POLICY_POLICY_INTERNAL_H

#include "policy/operator.h"
#include "policy/policy.h"

enum node_kind { NODE_ANY, NODE_ALL, NODE_CONDITION };

struct node {
    enum node_kind kind;
    size_t end; /* index past the last node inside it */
    char *path;
    /* of a condition */
    const char *name; /* as written, borrowed from the document: one row may stand for many names */
    const struct claim_row *claim;
    const struct operator_row *op;
    const json_t *expected; /* borrowed from the document */
};

struct policy {
    json_t *document;
    struct node *nodes; /* nodes[0] is the top group */
    size_t count;
    struct claim_row *
        *named; /* rows of names that stand for a family, or for a piece of a bundle */
    size_t named_count;
    bool has_authority;
};

/* Both speak of the same claim. */
static inline bool same_claim(const struct node *a, const struct node *b)
{
    return !strcmp(a->name, b->name);
}

#endif
