// SPDX-License-Identifier: Apache-2.0
#include "policy/words_internal.h"

struct walk {
    const struct policy *policy;
    const json_t *claims;
    int64_t now;
    struct policy_result *result;
};

static bool condition_holds(struct walk *w, const struct node *n)
{
    const json_t *actual = json_object_get(w->claims, n->name);
    bool passed = operator_holds(n->op, n->claim, n->expected, actual, w->now);
    w->result->findings[w->result->count++] = (struct policy_finding){
        .path = n->path,
        .claim = n->name,
        .op = n->op->name,
        .expected = n->expected,
        .actual = actual,
        .passed = passed,
        .blocks = !passed,
    };
    return passed;
}

/* Nested at most POLICY_DEPTH_MAX deep. Every condition is looked at: no short circuit. What failed
 * inside a group that holds all the same is no reason for anything. */
static bool node_holds(struct walk *w, size_t index)
{
    const struct node *n = &w->policy->nodes[index];
    size_t first = w->result->count;
    bool any = false, all = true;
    if (n->kind == NODE_CONDITION)
        return condition_holds(w, n);
    for (size_t i = index + 1; i < n->end; i = w->policy->nodes[i].end) {
        bool holds = node_holds(w, i);
        any |= holds;
        all &= holds;
    }
    bool held = n->kind == NODE_ANY ? any : all;
    for (size_t i = first; held && i < w->result->count; i++)
        w->result->findings[i].blocks = false;
    return held;
}

/* How many conditions must change, at the least, for the node to hold; `*next` is the finding of
 * the next condition in document order. */
static size_t node_cost(const struct policy *p, const struct policy_result *r, size_t index,
                        size_t *next)
{
    const struct node *n = &p->nodes[index];
    if (n->kind == NODE_CONDITION)
        return r->findings[(*next)++].passed ? 0 : 1;
    size_t least = SIZE_MAX, sum = 0;
    for (size_t i = index + 1; i < n->end; i = p->nodes[i].end) {
        size_t cost = node_cost(p, r, i, next);
        least = cost < least ? cost : least;
        sum += cost;
    }
    return n->kind == NODE_ANY ? least : sum;
}

/* Which findings those are: `*next` as above. */
static void mark_nearest(const struct policy *p, struct policy_result *r, size_t index,
                         size_t *next, bool chosen)
{
    const struct node *n = &p->nodes[index];
    if (n->kind == NODE_CONDITION) {
        struct policy_finding *f = &r->findings[(*next)++];
        f->nearest = chosen && !f->passed;
        return;
    }
    size_t least = SIZE_MAX, best = 0, ahead = *next;
    for (size_t i = index + 1; n->kind == NODE_ANY && i < n->end; i = p->nodes[i].end) {
        size_t cost = node_cost(p, r, i, &ahead);
        if (cost < least) {
            least = cost;
            best = i;
        }
    }
    for (size_t i = index + 1; i < n->end; i = p->nodes[i].end)
        mark_nearest(p, r, i, next, chosen && (n->kind == NODE_ALL || i == best));
}

static size_t conditions_inside(const struct policy *p, size_t index)
{
    size_t count = 0;
    for (size_t i = index; i < p->nodes[index].end; i++)
        count += p->nodes[i].kind == NODE_CONDITION;
    return count;
}

static void name_alternatives(const struct policy *p, struct policy_result *r)
{
    size_t next = 0;
    bool each = p->nodes[0].kind == NODE_ANY;
    for (size_t i = each ? 1 : 0; i < p->nodes[0].end; i = p->nodes[i].end)
        for (size_t left = conditions_inside(p, i); left; left--)
            r->findings[next++].alternative = each ? p->nodes[i].path : "allOf";
}

fallible policy_evaluate(const struct policy *p, const json_t *claims, int64_t now,
                         struct policy_result *out)
{
    struct policy_result result = { .findings = calloc(p->count, sizeof(*result.findings)) };
    if (!result.findings)
        return FAIL(SYSTEM, "memory for a decision");
    struct walk w = { .policy = p, .claims = claims, .now = now, .result = &result };
    result.met = node_holds(&w, 0);
    size_t next = 0;
    name_alternatives(p, &result);
    if (!result.met)
        mark_nearest(p, &result, 0, &next, true);
    *out = result;
    return OK;
}

const char *policy_next_claim(const struct policy *p, size_t *at)
{
    while (*at < p->count) {
        const struct node *n = &p->nodes[(*at)++];
        if (n->kind == NODE_CONDITION)
            return n->name;
    }
    return NULL;
}

void policy_result_done(struct policy_result *r)
{
    free(r->findings);
    *r = (struct policy_result){ 0 };
}

static json_t *finding_json(const struct policy_finding *f)
{
    json_t *j = json_object();
    json_set_str(j, "path", f->path);
    json_set_str(j, "claim", f->claim);
    json_set_str(j, "operator", f->op);
    json_object_set_new(j, "expected", json_deep_copy(f->expected));
    json_object_set_new(j, "actual", f->actual ? json_deep_copy(f->actual) : json_null());
    json_set_bool(j, "passed", f->passed);
    return j;
}

/* Is `path` the path of `group` or of something inside it? The top group's is empty. */
static bool path_inside(const char *path, const char *group)
{
    size_t len = strlen(group);
    return !len || (!strncmp(path, group, len) && (!path[len] || path[len] == '.'));
}

static json_t *failed_inside(const struct policy_result *r, const char *group)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->count; i++)
        if (r->findings[i].blocks && path_inside(r->findings[i].path, group))
            json_array_append_new(list, finding_json(&r->findings[i]));
    return list;
}

static json_t *alternatives_json(const struct policy *p, const struct policy_result *r,
                                 const char **nearest)
{
    json_t *list = json_array();
    size_t fewest = SIZE_MAX, next = 0;
    bool each = p->nodes[0].kind == NODE_ANY;
    for (size_t i = each ? 1 : 0; i < p->nodes[0].end; i = p->nodes[i].end) {
        const char *shown = each ? p->nodes[i].path : "allOf";
        json_t *one = json_object(), *missing = failed_inside(r, p->nodes[i].path);
        size_t cost = node_cost(p, r, i, &next);
        if (cost < fewest) {
            fewest = cost;
            *nearest = shown;
        }
        json_set_str(one, "path", shown);
        json_set_bool(one, "met", cost == 0);
        json_object_set_new(one, "failed", missing);
        json_array_append_new(list, one);
    }
    return list;
}

/* "tcb_status is OutOfDate: the policy accepts it when it is one of: ..." */
static json_t *smallest_change(const struct policy *p, const struct policy_result *r)
{
    json_t *list = json_array();
    size_t at = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct node *n = &p->nodes[i];
        if (n->kind != NODE_CONDITION || !r->findings[at++].nearest)
            continue;
        struct buf words owned(buf_done) = buf_of(WORDS_MAX);
        json_t *one = json_object();
        buf_addf(&words, "%s ", n->name);
        condition_words(n->op, n->claim, n->expected, &words);
        buf_add_str(&words, "; found: ");
        value_words(r->findings[at - 1].actual, &words);
        json_set_str(one, "path", n->path);
        json_set_str(one, "claim", n->name);
        json_set_str(one, "needed", failed(buf_check(&words)) ? n->name : buf_str(&words));
        json_array_append_new(list, one);
    }
    return list;
}

fallible policy_explain(const struct policy *p, const struct policy_result *r, json_t **out)
{
    json_t *j = json_object(), *findings = json_array();
    const char *nearest = NULL;
    for (size_t i = 0; i < r->count; i++)
        json_array_append_new(findings, finding_json(&r->findings[i]));
    json_set_bool(j, "met", r->met);
    json_object_set_new(j, "findings", findings);
    json_object_set_new(j, "alternatives", alternatives_json(p, r, &nearest));
    if (!r->met) {
        json_set_str(j, "nearest", nearest);
        json_object_set_new(j, "smallest_change", smallest_change(p, r));
    }
    if (!j || !json_object_get(j, "alternatives") || !json_object_get(j, "findings")) {
        json_free(j);
        return FAIL(SYSTEM, "memory for an explanation");
    }
    *out = j;
    return OK;
}
