// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_internal.h"

#define COMPARISONS_MAX 2000000U

struct lint {
    const struct policy *policy;
    struct policy_remarks *out;
    const struct node **required; /* conditions that must hold together, along the way down */
    size_t required_count;
    size_t comparisons;
};

static fallible remark(struct lint *l, bool error, const char *path, const char *message)
{
    struct policy_remark *grown = realloc(l->out->at, (l->out->count + 1) * sizeof(*grown));
    if (!grown)
        return FAIL(SYSTEM, "memory for remarks");
    l->out->at = grown;
    grown[l->out->count++] = (struct policy_remark){ .error = error,
                                                     .path = *path ? path : "policy",
                                                     .message = message };
    return OK;
}

static bool is_lower_bound(const struct node *n)
{
    return n->op->kind == OPERATOR_GREATER || n->op->kind == OPERATOR_GREATER_OR_EQUALS;
}

static bool is_upper_bound(const struct node *n)
{
    return n->op->kind == OPERATOR_LESS || n->op->kind == OPERATOR_LESS_OR_EQUALS;
}

static bool bounds_cross(const struct node *low, const struct node *high)
{
    if (!is_lower_bound(low) || !is_upper_bound(high))
        return false;
    bool comparable;
    int order = claim_compare(low->claim, low->expected, high->expected, &comparable);
    bool strict = low->op->kind == OPERATOR_GREATER || high->op->kind == OPERATOR_LESS;
    return comparable && (order > 0 || (strict && order == 0));
}

static bool wants_absence(const struct node *n)
{
    return n->op->kind == OPERATOR_EXISTS && json_is_false(n->expected);
}

/* `a` lists every value that the claim may have: does none of them satisfy `b`? within_days depends
 * on the time. */
static bool excludes(struct lint *l, const struct node *a, const struct node *b)
{
    if (b->op->kind == OPERATOR_WITHIN_DAYS)
        return false;
    if (a->op->kind == OPERATOR_EQUALS)
        return !operator_holds(b->op, b->claim, b->expected, a->expected, 0);
    if (a->op->kind != OPERATOR_IN)
        return false;
    size_t each = 1 + (json_is_array(b->expected) ? json_array_size(b->expected) : 0);
    l->comparisons += each * json_array_size(a->expected);
    if (l->comparisons > COMPARISONS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(a->expected); i++)
        if (operator_holds(b->op, b->claim, b->expected, json_array_get(a->expected, i), 0))
            return false;
    return true;
}

static bool contradict(struct lint *l, const struct node *a, const struct node *b)
{
    if (a->claim != b->claim)
        return false;
    if (wants_absence(a) != wants_absence(b))
        return true;
    if (wants_absence(a))
        return false;
    return excludes(l, a, b) || excludes(l, b, a) || bounds_cross(a, b) || bounds_cross(b, a);
}

static bool tee_named(const char *list, const char *tee)
{
    return strstr(list, tee) != NULL;
}

/* A kind of TEE under which all of the required conditions can hold. */
static bool possible_under(const struct lint *l, const char *tee)
{
    owned(json_free) json_t *name = json_string(tee);
    for (size_t i = 0; i < l->required_count; i++) {
        const struct node *n = l->required[i];
        if (wants_absence(n))
            continue;
        if (!tee_named(n->claim->tees, tee))
            return false;
        if (!strcmp(n->claim->name, "tee") && n->op->kind != OPERATOR_EXISTS &&
            !operator_holds(n->op, n->claim, n->expected, name, 0))
            return false;
    }
    return true;
}

static fallible check_alone(struct lint *l, const struct node *n)
{
    bool zero = n->claim->type == CLAIM_NUMBER && json_is_integer(n->expected) &&
                !json_integer_value(n->expected);
    if (zero && n->op->kind == OPERATOR_LESS)
        return remark(l, true, n->path, "never true: no number is less than zero");
    if (zero && n->op->kind == OPERATOR_GREATER_OR_EQUALS)
        return remark(l, false, n->path,
                      "always true where the claim exists: zero is the least number");
    return OK;
}

/* The condition against all that must hold with it. */
static fallible require(struct lint *l, const struct node *n)
{
    TRY(check_alone(l, n));
    for (size_t i = 0; i < l->required_count; i++) {
        const struct node *other = l->required[i];
        if (other->claim == n->claim && other->op == n->op &&
            json_equal(other->expected, n->expected))
            TRY(remark(l, false, n->path, "the same condition stands here twice"));
        else if (contradict(l, n, other))
            TRY(remark(l, true, n->path,
                       "never true: contradicts another condition that must hold too"));
    }
    l->required[l->required_count++] = n;
    return OK;
}

static fallible lint_node(struct lint *l, size_t index);

/* Conditions first, nested allOf included, so that each alternative below sees all that it joins.
 */
static fallible gather(struct lint *l, size_t index)
{
    const struct node *nodes = l->policy->nodes, *n = &nodes[index];
    if (n->kind == NODE_CONDITION)
        return require(l, n);
    if (n->kind == NODE_ALL)
        for (size_t i = index + 1; i < n->end; i = nodes[i].end)
            TRY(gather(l, i));
    return OK;
}

static fallible descend(struct lint *l, size_t index)
{
    const struct node *nodes = l->policy->nodes, *n = &nodes[index];
    if (n->kind == NODE_CONDITION)
        return OK;
    for (size_t i = index + 1; i < n->end; i = nodes[i].end) {
        if (n->kind == NODE_ANY)
            TRY(lint_node(l, i));
        else
            TRY(descend(l, i));
    }
    return OK;
}

static fallible lint_node(struct lint *l, size_t index)
{
    size_t outer = l->required_count;
    TRY(gather(l, index));
    if (l->required_count > outer && !possible_under(l, "sgx") && !possible_under(l, "tdx"))
        TRY(remark(l, true, l->policy->nodes[index].path,
                   "never true: no TEE has all of these claims"));
    TRY(descend(l, index));
    l->required_count = outer;
    return OK;
}

fallible policy_lint(const struct policy *p, struct policy_remarks *out)
{
    struct policy_remarks found owned(policy_remarks_done) = { 0 };
    const struct node **required owned(free) = calloc(p->count, sizeof(*required));
    if (!required)
        return FAIL(SYSTEM, "memory for remarks");
    struct lint l = { .policy = p, .out = &found, .required = required };
    if (p->has_authority)
        TRY(remark(&l, false, "",
                   "\"authority\" has no effect: whose tokens count is said by the configuration, "
                   "not by policies"));
    TRY(lint_node(&l, 0));
    if (l.comparisons > COMPARISONS_MAX)
        TRY(remark(&l, true, "", "too many values to be checked for contradictions"));
    *out = found;
    found = (struct policy_remarks){ 0 };
    return OK;
}

void policy_remarks_done(struct policy_remarks *r)
{
    free(r->at);
    *r = (struct policy_remarks){ 0 };
}

bool policy_remarks_has_error(const struct policy_remarks *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->at[i].error)
            return true;
    return false;
}
