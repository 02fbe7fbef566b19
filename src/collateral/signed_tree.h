// SPDX-License-Identifier: Apache-2.0
/*
 * A signed document as a flat list of its values, in the order of the text: each value knows how
 * many follow that belong to it. Two allocations a document, where a general JSON library makes one
 * for each value and name; collateral is read anew by whoever has none cached, and a TCB info has a
 * thousand values.
 *
 * RFC 8259, and: depth and number of values are bounded, no member twice, no escape in a name.
 * Texts stay as they are written; one with an escape or a byte outside ASCII is a value like
 * others, but no getter gives it out: these documents have none. Spans point into the text that was
 * given, which must outlive the tree.
 */
#ifndef COLLATERAL_SIGNED_TREE_H
#define COLLATERAL_SIGNED_TREE_H

#include "base/bounds.h"
#include "base/owned.h"
#include "base/reader.h"

enum tree_kind { TREE_OBJECT, TREE_LIST, TREE_TEXT, TREE_NUMBER, TREE_WORD };

struct tree_value {
    struct span name; /* of a member */
    struct span text; /* TREE_TEXT, TREE_NUMBER */
    enum tree_kind kind;
    uint32_t count; /* members or items */
    uint32_t size;  /* of the values that belong to it, itself included */
};

struct tree {
    struct tree_value *values;
    size_t count, room;
};

/* The root is an object. */
fallible tree_parse(struct span text, struct tree *out);
void tree_done(struct tree *t);
static inline void tree_donep(struct tree *t)
{
    tree_done(t);
}
const struct tree_value *tree_root(const struct tree *t);

/* NULL where there is none, or the owner is no object. */
const struct tree_value *tree_member(const struct tree_value *owner, const char *name);
/* Items or members in turn: NULL, then what the last call gave; NULL at the end. */
const struct tree_value *tree_next(const struct tree_value *owner, const struct tree_value *last,
                                   uint32_t *place);

/* FAIL_INPUT with `what` where the member is missing or of another form. */
fallible tree_get_text(const struct tree_value *owner, const char *name, const char *what,
                       struct span *out);
fallible tree_get_u64(const struct tree_value *owner, const char *name, uint64_t max,
                      const char *what, uint64_t *out);
fallible tree_get(const struct tree_value *owner, const char *name, enum tree_kind kind,
                  const char *what, const struct tree_value **out);
/* The text of a value; false: none, or not in plain ASCII. */
bool tree_text(const struct tree_value *v, struct span *out);

#endif
