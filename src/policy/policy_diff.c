// SPDX-License-Identifier: Apache-2.0
#include "policy/alternative_internal.h"
#include "policy/implication_internal.h"
#include "policy/words_internal.h"

#define IDENTICAL_WEIGHT 4

struct diff {
    const struct policy *before, *after;
    json_t *changes;
    size_t budget;
    bool looser, tighter; /* some change makes it so */
    bool unclear;
};

static json_t *condition_json(const struct node *n)
{
    json_t *j = n ? json_object() : json_null();
    if (n) {
        json_set_str(j, "operator", n->op->name);
        json_object_set(j, "value", (json_t *)n->expected);
    }
    return j;
}

static bool same_change(const json_t *a, const json_t *b)
{
    static const char *const members[] = { "kind", "claim", "before", "after" };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const json_t *x = json_object_get(a, members[i]), *y = json_object_get(b, members[i]);
        if (x != y && !json_equal(x, y))
            return false;
    }
    return true;
}

/* The same change in several alternatives is told once. */
static fallible record(struct diff *d, json_t *change, const char *label)
{
    json_t *label_json = json_string(*label ? label : "policy");
    for (size_t i = 0; i < json_array_size(d->changes); i++) {
        json_t *earlier = json_array_get(d->changes, i);
        if (!same_change(earlier, change))
            continue;
        json_decref(change);
        json_array_append_new(json_object_get(earlier, "alternatives"), label_json);
        return OK;
    }
    json_object_set_new(change, "alternatives", json_array());
    json_array_append_new(json_object_get(change, "alternatives"), label_json);
    return json_array_append_new(d->changes, change) == 0 ? OK
                                                          : FAIL(SYSTEM, "memory for a comparison");
}

static const char *kind_of(struct diff *d, const struct node *a, const struct node *b)
{
    if (!a || (b && condition_implies(b, a, &d->budget))) {
        d->tighter = true;
        return a ? "tightened" : "added";
    }
    if (!b || condition_implies(a, b, &d->budget)) {
        d->looser = true;
        return b ? "loosened" : "removed";
    }
    d->unclear = true;
    return "changed";
}

static void add_words(const char *lead, const struct node *n, struct buf *out)
{
    buf_add_str(out, lead);
    condition_words(n->op, n->claim, n->expected, out);
}

/* `a` before, `b` after; one of them may be NULL. Two that imply each other say the same. */
static fallible tell(struct diff *d, const struct node *a, const struct node *b, const char *label)
{
    struct buf words owned(buf_done) = buf_of(2 * WORDS_MAX);
    if (a && b && condition_implies(a, b, &d->budget) && condition_implies(b, a, &d->budget))
        return OK;
    json_t *change = json_object();
    json_set_str(change, "kind", kind_of(d, a, b));
    json_set_str(change, "claim", (a ? a : b)->name);
    json_object_set_new(change, "before", condition_json(a));
    json_object_set_new(change, "after", condition_json(b));
    buf_addf(&words, "%s ", (a ? a : b)->name);
    if (a)
        add_words(b ? "was: " : "no longer: ", a, &words);
    if (b)
        add_words(a ? "; now: " : "now also: ", b, &words);
    json_set_str(change, "text", failed(buf_check(&words)) ? "" : buf_str(&words));
    return record(d, change, label);
}

static size_t find(const struct alternative *in, const bool *taken, const struct node *n, int how)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct node *m = in->conditions[i];
        if (taken[i] || !same_claim(m, n) || (how < 2 && m->op->kind != n->op->kind))
            continue;
        if (how > 0 || json_equal(m->expected, n->expected))
            return i;
    }
    return SIZE_MAX;
}

/* Conditions are paired: the identical ones, then those of one operator, then those of one claim.
 */
static fallible compare_conditions(struct diff *d, const struct alternative *a,
                                   const struct alternative *b)
{
    bool *a_taken owned(free) = calloc(a->count + 1, 1),
                  *b_taken owned(free) = calloc(b->count + 1, 1);
    if (!a_taken || !b_taken)
        return FAIL(SYSTEM, "memory for a comparison");
    for (int how = 0; how < 3; how++)
        for (size_t i = 0; i < b->count; i++) {
            size_t at = b_taken[i] ? SIZE_MAX : find(a, a_taken, b->conditions[i], how);
            if (at == SIZE_MAX)
                continue;
            a_taken[at] = b_taken[i] = true;
            if (how)
                TRY(tell(d, a->conditions[at], b->conditions[i], b->label));
        }
    for (size_t i = 0; i < a->count; i++)
        if (!a_taken[i])
            TRY(tell(d, a->conditions[i], NULL, b->label));
    for (size_t i = 0; i < b->count; i++)
        if (!b_taken[i])
            TRY(tell(d, NULL, b->conditions[i], b->label));
    return OK;
}

static fallible tell_alternative(struct diff *d, const struct alternative *a, bool added)
{
    struct buf words owned(buf_done) = buf_of(4 * WORDS_MAX);
    json_t *change = json_object();
    for (size_t i = 0; i < a->count; i++) {
        const struct node *n = a->conditions[i];
        buf_addf(&words, "%s%s ", i ? "; " : "", n->name);
        condition_words(n->op, n->claim, n->expected, &words);
    }
    json_set_str(change, "kind", added ? "alternative added" : "alternative removed");
    json_set_str(change, "text", failed(buf_check(&words)) ? "(long)" : buf_str(&words));
    json_object_set_new(change, "alternatives", json_pack("[s]", *a->label ? a->label : "policy"));
    *(added ? &d->looser : &d->tighter) = true;
    return json_array_append_new(d->changes, change) == 0 ? OK
                                                          : FAIL(SYSTEM, "memory for a comparison");
}

/* Nothing in common once the budget is spent. */
static size_t likeness(struct diff *d, const struct alternative *a, const struct alternative *b)
{
    size_t sum = 0, cost = a->count * b->count + 1;
    d->unclear |= d->budget <= cost;
    d->budget = d->budget <= cost ? 0 : d->budget - cost;
    for (size_t i = 0; d->budget && i < a->count; i++)
        for (size_t j = 0; j < b->count; j++) {
            const struct node *x = a->conditions[i], *y = b->conditions[j];
            if (same_claim(x, y))
                sum += x->op->kind == y->op->kind && json_equal(x->expected, y->expected)
                           ? IDENTICAL_WEIGHT
                           : 1;
        }
    return sum;
}

struct pairing {
    size_t like[ALTERNATIVES_MAX][ALTERNATIVES_MAX];
    size_t partner[ALTERNATIVES_MAX]; /* of each alternative after; SIZE_MAX: none */
    bool taken[ALTERNATIVES_MAX];     /* each before */
};

/* The likest two that are both free; false: none have anything in common. */
static bool likest(const struct pairing *pairs, size_t before, size_t after, size_t *x, size_t *y)
{
    size_t best = 0;
    for (size_t i = 0; i < before; i++)
        for (size_t j = 0; j < after; j++)
            if (!pairs->taken[i] && pairs->partner[j] == SIZE_MAX && pairs->like[i][j] > best) {
                best = pairs->like[i][j];
                *x = i;
                *y = j;
            }
    return best > 0;
}

static void pair_up(struct diff *d, const struct alternatives *a, const struct alternatives *b,
                    struct pairing *pairs)
{
    size_t x = 0, y = 0;
    for (size_t j = 0; j < b->count; j++)
        pairs->partner[j] = SIZE_MAX;
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            pairs->like[i][j] = likeness(d, &a->at[i], &b->at[j]);
    while (likest(pairs, a->count, b->count, &x, &y)) {
        pairs->taken[x] = true;
        pairs->partner[y] = x;
    }
}

static fallible compare_alternatives(struct diff *d, const struct alternatives *a,
                                     const struct alternatives *b)
{
    struct pairing *pairs owned(free) = calloc(1, sizeof(*pairs));
    if (!pairs)
        return FAIL(SYSTEM, "memory for a comparison");
    pair_up(d, a, b, pairs);
    for (size_t i = 0; i < b->count; i++)
        if (pairs->partner[i] != SIZE_MAX)
            TRY(compare_conditions(d, &a->at[pairs->partner[i]], &b->at[i]));
        else
            TRY(tell_alternative(d, &b->at[i], true));
    for (size_t i = 0; i < a->count; i++)
        if (!pairs->taken[i])
            TRY(tell_alternative(d, &a->at[i], false));
    return OK;
}

/* Both questions may stay open: "different" then. */
static const char *effect_of(struct diff *d)
{
    size_t budget = IMPLICATION_BUDGET;
    bool wider = node_implies(d->before, 0, d->after, 0, &budget);
    bool narrower = node_implies(d->after, 0, d->before, 0, &budget);
    if (wider || narrower)
        return wider && narrower ? "same" : wider ? "looser" : "tighter";
    if (d->unclear || d->looser == d->tighter)
        return d->unclear || d->looser ? "different" : "same";
    return d->looser ? "looser" : "tighter";
}

fallible policy_diff(const struct policy *before, const struct policy *after, json_t **out)
{
    struct alternatives a owned(alternatives_done) = { 0 }, b owned(alternatives_done) = { 0 };
    owned(json_free) json_t *j = json_object();
    struct diff d = {
        .before = before, .after = after, .changes = json_array(), .budget = IMPLICATION_BUDGET
    };
    json_object_set_new(j, "changes", d.changes);
    if (!json_object_get(j, "changes"))
        return FAIL(SYSTEM, "memory for a comparison");
    TRY(alternatives_of(before, &a));
    TRY(alternatives_of(after, &b));
    TRY(compare_alternatives(&d, &a, &b));
    json_set_str(j, "effect", effect_of(&d));
    json_set_bool(j, "identical", json_equal(before->document, after->document));
    *out = TAKE(j);
    return OK;
}
