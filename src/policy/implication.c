// SPDX-License-Identifier: Apache-2.0
#include "policy/implication_internal.h"

#include <limits.h>

#define RANGE_MAX 1024 /* numbers of a range that are tried one by one */

static bool pay(size_t *budget, size_t cost)
{
    if (*budget <= cost) {
        *budget = 0;
        return false;
    }
    *budget -= cost;
    return true;
}

static size_t set_size(const json_t *j)
{
    return json_is_array(j) ? json_array_size(j) + 1 : 1;
}

static bool is_lower(const struct node *n)
{
    return n->op->kind == OPERATOR_GREATER || n->op->kind == OPERATOR_GREATER_OR_EQUALS;
}

static bool is_upper(const struct node *n)
{
    return n->op->kind == OPERATOR_LESS || n->op->kind == OPERATOR_LESS_OR_EQUALS;
}

static bool is_list(const struct claim_row *claim)
{
    return claim->type == CLAIM_TEXT_LIST || claim->type == CLAIM_EVENT_LIST;
}

bool condition_wants_absence(const struct node *n)
{
    return n->op->kind == OPERATOR_EXISTS && json_is_false(n->expected);
}

static bool holds(const struct node *n, const json_t *value)
{
    return n->op->kind == OPERATOR_WITHIN_DAYS || /* depends on the time: may hold */
           operator_holds(n->op, n->claim, n->expected, value, 0);
}

static json_t *words_of(const char *list)
{
    json_t *words = json_array();
    for (struct span rest = span_str(list); rest.len;) {
        struct span word = span_head(rest, span_find(rest, SPAN(" ")));
        rest = span_tail(rest, word.len + 1);
        json_array_append_new(words, json_stringn((const char *)word.at, word.len));
    }
    return words;
}

/* All values that the claim can have; NULL where they cannot be counted. */
static json_t *values_of_claim(const struct claim_row *claim)
{
    if (claim->type == CLAIM_BOOL)
        return json_pack("[b,b]", 0, 1);
    return claim->type == CLAIM_TEXT && claim->values ? words_of(claim->values) : NULL;
}

/* The values among which those that satisfy `n` are; NULL where they cannot be counted. */
static json_t *values_of(const struct node *n)
{
    if (n->op->kind == OPERATOR_EQUALS && !is_list(n->claim))
        return json_pack("[O]", n->expected);
    if (n->op->kind == OPERATOR_IN)
        return json_incref((json_t *)n->expected);
    return values_of_claim(n->claim);
}

bool condition_is_idle(const struct node *n)
{
    owned(json_free) json_t *values = values_of_claim(n->claim);
    bool all = values && n->op->kind != OPERATOR_EXISTS;
    for (size_t i = 0; all && i < json_array_size(values); i++)
        all = holds(n, json_array_get(values, i));
    return all;
}

/* a's values are counted: does each that satisfies it satisfy b? */
static bool values_imply(const json_t *values, const struct node *a, const struct node *b)
{
    for (size_t i = 0; i < json_array_size(values); i++)
        if (holds(a, json_array_get(values, i)) && !holds(b, json_array_get(values, i)))
            return false;
    return true;
}

static json_t *set_of(const struct node *n)
{
    return json_is_array(n->expected) ? json_incref((json_t *)n->expected)
                                      : json_pack("[O]", n->expected);
}

static bool excludes_values(const struct node *n)
{
    return n->op->kind == OPERATOR_NOT_EQUALS || n->op->kind == OPERATOR_NOT_IN;
}

static bool bound_implies(const struct node *a, const struct node *b)
{
    bool comparable;
    int order = claim_compare(a->claim, a->expected, b->expected, &comparable);
    bool strict_b = b->op->kind == OPERATOR_GREATER || b->op->kind == OPERATOR_LESS;
    bool strict_a = a->op->kind == OPERATOR_GREATER || a->op->kind == OPERATOR_LESS;
    if (!comparable)
        return false;
    if (is_upper(a))
        order = -order;
    return order > 0 || (order == 0 && (strict_a || !strict_b));
}

/* No value that b forbids satisfies a. */
static bool keeps_clear_of(const struct node *a, const struct node *b)
{
    owned(json_free) json_t *forbidden = set_of(b);
    for (size_t i = 0; i < json_array_size(forbidden); i++)
        if (holds(a, json_array_get(forbidden, i)))
            return false;
    return true;
}

static bool scalar_implies(const struct node *a, const struct node *b)
{
    owned(json_free) json_t *values = values_of(a);
    if (values)
        return values_imply(values, a, b);
    if (excludes_values(b) && a->op->kind != OPERATOR_EXISTS)
        return keeps_clear_of(a, b);
    return ((is_lower(a) && is_lower(b)) || (is_upper(a) && is_upper(b))) && bound_implies(a, b);
}

/* Members of b's set are patterns for those of a's where the claim is a list of events. */
static bool list_implies(const struct node *a, const struct node *b)
{
    const enum operator_kind x = a->op->kind, y = b->op->kind;
    bool texts = a->claim->type == CLAIM_TEXT_LIST;
    if (x == OPERATOR_EQUALS)
        return holds(b, a->expected);
    if (x == OPERATOR_NOT_EQUALS)
        return y == x && json_equal(a->expected, b->expected);
    if (x == OPERATOR_CONTAINS_ALL)
        return (y == x || y == OPERATOR_CONTAINS_ANY) && holds(b, a->expected);
    if (x == OPERATOR_CONTAINS_NONE)
        return y == x && set_covers(a->claim, a->expected, b->expected);
    if (y == x)
        return set_covers(a->claim, b->expected, a->expected);
    return x == OPERATOR_SUBSET_OF && y == OPERATOR_CONTAINS_NONE && texts && holds(b, a->expected);
}

bool condition_implies(const struct node *a, const struct node *b, size_t *budget)
{
    if (!same_claim(a, b) || !pay(budget, set_size(a->expected) * set_size(b->expected)))
        return false;
    if (a->op->kind == b->op->kind && json_equal(a->expected, b->expected))
        return true;
    if (condition_wants_absence(a) || condition_wants_absence(b))
        return condition_wants_absence(a) && condition_wants_absence(b);
    if (b->op->kind == OPERATOR_EXISTS)
        return true;
    if (b->op->kind == OPERATOR_WITHIN_DAYS)
        return a->op->kind == b->op->kind &&
               json_integer_value(a->expected) <= json_integer_value(b->expected);
    if (a->op->kind == OPERATOR_WITHIN_DAYS)
        return false;
    return is_list(a->claim) ? list_implies(a, b) : scalar_implies(a, b);
}

static bool each_child_implies(const struct policy *p, size_t a, const struct policy *q, size_t b,
                               bool all, size_t *budget)
{
    for (size_t i = a + 1; i < p->nodes[a].end; i = p->nodes[i].end)
        if (node_implies(p, i, q, b, budget) != all)
            return !all;
    return all;
}

static bool implies_each_child(const struct policy *p, size_t a, const struct policy *q, size_t b,
                               bool all, size_t *budget)
{
    for (size_t i = b + 1; i < q->nodes[b].end; i = q->nodes[i].end)
        if (node_implies(p, a, q, i, budget) != all)
            return !all;
    return all;
}

bool node_implies(const struct policy *p, size_t a, const struct policy *q, size_t b,
                  size_t *budget)
{
    const struct node *x = &p->nodes[a], *y = &q->nodes[b];
    if (!pay(budget, 1))
        return false;
    if (y->kind == NODE_ALL)
        return implies_each_child(p, a, q, b, true, budget);
    if (x->kind == NODE_ANY)
        return each_child_implies(p, a, q, b, true, budget);
    if (x->kind == NODE_CONDITION && y->kind == NODE_CONDITION)
        return condition_implies(x, y, budget);
    return (x->kind == NODE_ALL && each_child_implies(p, a, q, b, false, budget)) ||
           (y->kind == NODE_ANY && implies_each_child(p, a, q, b, false, budget));
}

static bool bounds_cross(const struct node *low, const struct node *high)
{
    bool comparable;
    if (!is_lower(low) || !is_upper(high))
        return false;
    int order = claim_compare(low->claim, low->expected, high->expected, &comparable);
    bool strict = low->op->kind == OPERATOR_GREATER || high->op->kind == OPERATOR_LESS;
    return comparable && (order > 0 || (strict && order == 0));
}

/* `a` counts every value that the claim may have: does none of them satisfy `b`? */
static bool none_satisfies(const struct node *a, const struct node *b)
{
    owned(json_free) json_t *values = values_of(a);
    if (!values || (a->op->kind != OPERATOR_EQUALS && a->op->kind != OPERATOR_IN))
        return false;
    for (size_t i = 0; i < json_array_size(values); i++)
        if (holds(b, json_array_get(values, i)))
            return false;
    return true;
}

static bool lists_contradict(const struct node *a, const struct node *b)
{
    const enum operator_kind x = a->op->kind, y = b->op->kind;
    bool texts = a->claim->type == CLAIM_TEXT_LIST;
    if (x == OPERATOR_EQUALS)
        return !holds(b, a->expected);
    if (x == OPERATOR_CONTAINS_ALL && y == OPERATOR_CONTAINS_NONE)
        return !holds(b, a->expected);
    if (x == OPERATOR_CONTAINS_ANY && y == OPERATOR_CONTAINS_NONE)
        return set_covers(a->claim, b->expected, a->expected);
    if (!texts || y != OPERATOR_SUBSET_OF)
        return false;
    if (x == OPERATOR_CONTAINS_ALL)
        return !set_covers(a->claim, b->expected, a->expected);
    if (x != OPERATOR_CONTAINS_ANY)
        return false;
    for (size_t i = 0; i < json_array_size(a->expected); i++) {
        owned(json_free) json_t *one = json_pack("[O]", json_array_get(a->expected, i));
        if (set_covers(a->claim, b->expected, one))
            return false;
    }
    return true;
}

bool conditions_contradict(const struct node *a, const struct node *b, size_t *budget)
{
    if (!same_claim(a, b) || !pay(budget, set_size(a->expected) * set_size(b->expected)))
        return false;
    if (condition_wants_absence(a) || condition_wants_absence(b))
        return condition_wants_absence(a) != condition_wants_absence(b);
    if (a->op->kind == OPERATOR_EXISTS || b->op->kind == OPERATOR_EXISTS)
        return false;
    if (is_list(a->claim))
        return lists_contradict(a, b) || lists_contradict(b, a);
    return none_satisfies(a, b) || none_satisfies(b, a) || bounds_cross(a, b) || bounds_cross(b, a);
}

/* The numbers that bounds leave, where they are few. */
static json_t *range_of(const struct node *const *conditions, size_t count,
                        const struct node *about)
{
    const struct claim_row *claim = about->claim;
    json_int_t low = 0, high = claim->size < 63 ? (1LL << claim->size) - 1 : LLONG_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct node *n = conditions[i];
        if (!same_claim(n, about))
            continue;
        json_int_t at = json_integer_value(n->expected);
        if (is_lower(n) && at > low)
            low = at;
        if (is_upper(n) && at < high)
            high = at;
    }
    if (high < low || high - low >= RANGE_MAX)
        return NULL;
    json_t *range = json_array();
    for (json_int_t at = low; at <= high; at++)
        json_array_append_new(range, json_integer(at));
    return range;
}

static bool all_hold(const struct node *const *conditions, size_t count, const struct node *about,
                     const json_t *value)
{
    for (size_t i = 0; i < count; i++)
        if (same_claim(conditions[i], about) && !condition_wants_absence(conditions[i]) &&
            !holds(conditions[i], value))
            return false;
    return true;
}

bool conditions_exhaust(const struct node *const *conditions, size_t count,
                        const struct node *about, size_t *budget)
{
    owned(json_free) json_t *values = NULL;
    size_t cost = 1;
    for (size_t i = 0; i < count; i++) {
        if (!same_claim(conditions[i], about))
            continue;
        if (condition_wants_absence(conditions[i]))
            return false;
        cost += set_size(conditions[i]->expected);
        if (!values)
            values = values_of(conditions[i]);
    }
    if (!values && about->claim->type == CLAIM_NUMBER)
        values = range_of(conditions, count, about);
    if (!values || !pay(budget, cost * set_size(values)))
        return false;
    for (size_t i = 0; i < json_array_size(values); i++)
        if (all_hold(conditions, count, about, json_array_get(values, i)))
            return false;
    return true;
}
