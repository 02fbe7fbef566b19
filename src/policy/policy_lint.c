// SPDX-License-Identifier: Apache-2.0
#include "policy/implication_internal.h"

#define COMPOUND_TEES "bundle azure-vtpm"
struct lint {
    const struct policy *policy;
    struct policy_remarks *out;
    const struct node **required; /* conditions that must hold together, along the way down */
    size_t required_count;
    size_t budget;
    size_t errors;
};

static fallible add(struct lint *l, struct policy_remark r)
{
    struct policy_remark *grown = realloc(l->out->at, (l->out->count + 1) * sizeof(*grown));
    if (!grown)
        return FAIL(SYSTEM, "memory for remarks");
    if (!*r.path)
        r.path = "policy";
    l->out->at = grown;
    grown[l->out->count++] = r;
    l->errors += r.error;
    return OK;
}

/* Evidence of several pieces has the claims of each under a name with a dot. */
static bool claim_under(const struct node *n, struct span tee)
{
    return word_listed(tee, strchr(n->name, '.') ? COMPOUND_TEES : n->claim->tees);
}

/* A kind of TEE under which all of the required conditions can hold. */
static bool possible_under(const struct lint *l, struct span tee)
{
    owned(json_free) json_t *name = json_stringn((const char *)tee.at, tee.len);
    for (size_t i = 0; i < l->required_count; i++) {
        const struct node *n = l->required[i];
        if (condition_wants_absence(n))
            continue;
        if (!claim_under(n, tee))
            return false;
        if (!strcmp(n->name, "tee") && n->op->kind != OPERATOR_EXISTS &&
            !operator_holds(n->op, n->claim, n->expected, name, 0))
            return false;
    }
    return true;
}

static bool possible(const struct lint *l)
{
    struct span rest = span_str(claim_find(SPAN("tee"))->values);
    while (rest.len) {
        struct span tee = span_head(rest, span_find(rest, SPAN(" ")));
        if (possible_under(l, tee))
            return true;
        rest = span_tail(rest, tee.len + 1);
    }
    return false;
}

/* One value given twice, in either case of its digits. */
static bool repeats_value(const struct node *n)
{
    for (size_t i = 1; n->op->shape == OPERAND_SET && i < json_array_size(n->expected); i++)
        for (size_t j = 0; j < i; j++) {
            bool comparable;
            if (n->claim->type != CLAIM_EVENT_LIST &&
                !claim_compare(n->claim, json_array_get(n->expected, i),
                               json_array_get(n->expected, j), &comparable) &&
                comparable)
                return true;
        }
    return false;
}

static fallible check_alone(struct lint *l, const struct node *n)
{
    bool zero = n->claim->type == CLAIM_NUMBER && json_is_integer(n->expected) &&
                !json_integer_value(n->expected);
    if (zero && n->op->kind == OPERATOR_LESS)
        return add(l,
                   (struct policy_remark){ true, n->path, "never true: no number is less than zero",
                                           "take the condition out, or write the number that "
                                           "is meant",
                                           NULL });
    if ((zero && n->op->kind == OPERATOR_GREATER_OR_EQUALS) || condition_is_idle(n))
        return add(l, (struct policy_remark){
                          false, n->path,
                          zero ? "always true where the claim exists: zero is the least number"
                               : "always true where the claim exists: no value of it is left out",
                          "if that it exists is all that is meant, write \"exists\": true", NULL });
    if (repeats_value(n))
        return add(l, (struct policy_remark){ false, n->path, "a value stands in the set twice",
                                              "take one of them out", NULL });
    return OK;
}

static fallible compare(struct lint *l, const struct node *n, const struct node *other)
{
    if (same_claim(other, n) && other->op->kind == n->op->kind &&
        json_equal(other->expected, n->expected))
        return add(l,
                   (struct policy_remark){ false, n->path, "the same condition stands here twice",
                                           "take one of them out", other->path });
    if (conditions_contradict(n, other, &l->budget))
        return add(
            l, (struct policy_remark){
                   true, n->path, "never true: contradicts another condition that must hold too",
                   "take one of them out, or make them alternatives in an anyOf", other->path });
    return OK;
}

/* The condition against all that must hold with it. */
static fallible require(struct lint *l, const struct node *n)
{
    TRY(check_alone(l, n));
    for (size_t i = 0; i < l->required_count; i++)
        TRY(compare(l, n, l->required[i]));
    l->required[l->required_count++] = n;
    return OK;
}

/* Conditions that go together two by two, and yet leave a claim no value. */
static fallible check_together(struct lint *l, size_t first)
{
    for (size_t i = first; i < l->required_count; i++) {
        const struct node *n = l->required[i];
        if (conditions_exhaust(l->required, l->required_count, n, &l->budget))
            return add(l, (struct policy_remark){
                              true, n->path,
                              "never true: the conditions on this claim leave no value together",
                              "loosen one of the conditions on this claim", NULL });
    }
    return OK;
}

/* Alternatives whose every case is covered by another: the earlier of two that mean the same stays.
 */
static fallible check_shadows(struct lint *l, size_t index)
{
    const struct policy *p = l->policy;
    const struct node *nodes = p->nodes;
    for (size_t i = index + 1; i < nodes[index].end; i = nodes[i].end) {
        for (size_t j = index + 1; j < nodes[index].end; j = nodes[j].end) {
            if (i == j || !node_implies(p, i, p, j, &l->budget) ||
                (j > i && node_implies(p, j, p, i, &l->budget)))
                continue;
            TRY(add(l, (struct policy_remark){
                           false, nodes[i].path,
                           "shadowed: whatever this alternative accepts, another one accepts too",
                           "take it out, or tighten the other one", nodes[j].path }));
            break;
        }
    }
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
    if (n->kind == NODE_ANY)
        TRY(check_shadows(l, index));
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
    size_t outer = l->required_count, errors = l->errors;
    TRY(gather(l, index));
    if (errors == l->errors)
        TRY(check_together(l, outer));
    if (errors == l->errors && l->required_count > outer && !possible(l))
        TRY(add(l, (struct policy_remark){ true, l->policy->nodes[index].path,
                                           "never true: no TEE has all of these claims",
                                           "write an alternative for each kind of TEE: "
                                           "docs/claims.md says which claims each has",
                                           NULL }));
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
    struct lint l = {
        .policy = p, .out = &found, .required = required, .budget = IMPLICATION_BUDGET
    };
    if (p->has_authority)
        TRY(add(&l, (struct policy_remark){
                        false, "",
                        "\"authority\" has no effect: whose tokens count is said by the "
                        "configuration, not by policies",
                        "take it out, or leave it for other readers of the file", NULL }));
    TRY(lint_node(&l, 0));
    if (!l.budget)
        TRY(add(&l, (struct policy_remark){ true, "",
                                            "too many values to be checked for contradictions",
                                            "split the policy", NULL }));
    *out = found;
    found = (struct policy_remarks){ 0 };
    return OK;
}

void policy_remarks_done(struct policy_remarks *r)
{
    free(r->at);
    *r = (struct policy_remarks){ 0 };
}
