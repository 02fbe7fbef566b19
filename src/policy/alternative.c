// SPDX-License-Identifier: Apache-2.0
#include "policy/alternative_internal.h"

#define LABEL_MAX 1024

void alternatives_done(struct alternatives *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->at[i].label);
        free(a->at[i].conditions);
    }
    free(a->at);
    *a = (struct alternatives){ 0 };
}

/* Both halves of a conjunction; either may be empty. */
static fallible joined(const struct alternative *a, const struct alternative *b,
                       struct alternative *out)
{
    size_t count = a->count + b->count;
    struct buf label owned(buf_done) = buf_of(LABEL_MAX);
    const struct node **conditions owned(free) = calloc(count + 1, sizeof(*conditions));
    if (!conditions)
        return FAIL(SYSTEM, "memory for alternatives");
    for (size_t i = 0; i < count; i++)
        conditions[i] = i < a->count ? a->conditions[i] : b->conditions[i - a->count];
    buf_addf(&label, "%s%s%s", a->label, *a->label && *b->label ? " + " : "", b->label);
    char *text = failed(buf_check(&label)) ? strdup("...") : strdup(buf_str(&label));
    if (!text)
        return FAIL(SYSTEM, "memory for alternatives");
    *out = (struct alternative){ .label = text, .conditions = TAKE(conditions), .count = count };
    return OK;
}

static fallible append(struct alternatives *list, const struct alternative *a,
                       const struct alternative *b)
{
    if (list->count == ALTERNATIVES_MAX)
        return FAIL(LIMIT, "more alternatives than are compared");
    struct alternative *grown = realloc(list->at, (list->count + 1) * sizeof(*grown));
    if (!grown)
        return FAIL(SYSTEM, "memory for alternatives");
    list->at = grown;
    TRY(joined(a, b, &list->at[list->count]));
    list->count++;
    return OK;
}

static fallible expand(const struct policy *p, size_t index, struct alternatives *out);

/* Each of what is there already with each of the next part. */
static fallible multiply(struct alternatives *so_far, const struct alternatives *next)
{
    struct alternatives product owned(alternatives_done) = { 0 };
    for (size_t i = 0; i < so_far->count; i++)
        for (size_t j = 0; j < next->count; j++)
            TRY(append(&product, &so_far->at[i], &next->at[j]));
    struct alternatives before = *so_far;
    *so_far = product;
    product = before;
    return OK;
}

static fallible add_choice(struct alternatives *out, const struct alternatives *inner,
                           const char *path)
{
    static char nothing[] = "";
    for (size_t i = 0; i < inner->count; i++) {
        struct alternative named = { .label = *inner->at[i].label ? nothing : (char *)path };
        TRY(append(out, &named, &inner->at[i]));
    }
    return OK;
}

static fallible expand_group(const struct policy *p, size_t index, struct alternatives *out)
{
    static char nothing[] = "";
    const struct alternative empty = { .label = nothing };
    const struct node *n = &p->nodes[index];
    bool choice = n->kind == NODE_ANY && p->nodes[index + 1].end < n->end;
    if (n->kind == NODE_ALL)
        TRY(append(out, &empty, &empty));
    for (size_t i = index + 1; i < n->end; i = p->nodes[i].end) {
        struct alternatives inner owned(alternatives_done) = { 0 };
        TRY(expand(p, i, &inner));
        if (n->kind == NODE_ALL)
            TRY(multiply(out, &inner));
        else
            TRY(add_choice(out, &inner, choice ? p->nodes[i].path : nothing));
    }
    return OK;
}

static fallible expand(const struct policy *p, size_t index, struct alternatives *out)
{
    static char nothing[] = "";
    const struct node *n = &p->nodes[index];
    if (n->kind != NODE_CONDITION)
        return expand_group(p, index, out);
    const struct alternative empty = { .label = nothing },
                             one = { .label = nothing, .conditions = &n, .count = 1 };
    return append(out, &empty, &one);
}

fallible alternatives_of(const struct policy *p, struct alternatives *out)
{
    struct alternatives all owned(alternatives_done) = { 0 };
    TRY(expand(p, 0, &all));
    *out = all;
    all = (struct alternatives){ 0 };
    return OK;
}
