// SPDX-License-Identifier: Apache-2.0
#include "policy/words_internal.h"

#define VALUES_SHOWN 8

static void one_value(const json_t *v, struct buf *out)
{
    if (json_is_string(v)) {
        buf_add_str(out, json_string_value(v));
        return;
    }
    char *text owned(free) = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    buf_add_str(out, text ? text : "?");
}

void value_words(const json_t *value, struct buf *out)
{
    size_t count = json_array_size(value);
    if (!value || json_is_null(value)) {
        buf_add_str(out, "absent");
        return;
    }
    if (!json_is_array(value)) {
        one_value(value, out);
        return;
    }
    for (size_t i = 0; i < count && i < VALUES_SHOWN; i++) {
        buf_add_str(out, i ? ", " : "");
        one_value(json_array_get(value, i), out);
    }
    if (count > VALUES_SHOWN)
        buf_addf(out, ", ... (%zu in all)", count);
    if (!count)
        buf_add_str(out, "none");
}

static const char *ordered_verb(const struct operator_row *op, bool time)
{
    switch (op->kind) {
    case OPERATOR_LESS:
        return time ? "is before " : "is below ";
    case OPERATOR_LESS_OR_EQUALS:
        return time ? "is not after " : "is at most ";
    case OPERATOR_GREATER:
        return time ? "is after " : "is above ";
    case OPERATOR_GREATER_OR_EQUALS:
        return time ? "is not before " : "is at least ";
    case OPERATOR_IN:
        return "is one of: ";
    case OPERATOR_NOT_IN:
        return "is there, and none of: ";
    case OPERATOR_CONTAINS_ALL:
        return "has all of: ";
    case OPERATOR_CONTAINS_ANY:
        return "has at least one of: ";
    case OPERATOR_CONTAINS_NONE:
        return "is there, and has none of: ";
    case OPERATOR_SUBSET_OF:
        return "has nothing but: ";
    case OPERATOR_NOT_EQUALS:
        return "is there, and not ";
    case OPERATOR_EQUALS:
    case OPERATOR_EXISTS:
    case OPERATOR_WITHIN_DAYS:
        break;
    }
    return "is ";
}

void condition_words(const struct operator_row *op, const struct claim_row *claim,
                     const json_t *expected, struct buf *out)
{
    bool list = claim->type == CLAIM_TEXT_LIST;
    if (op->kind == OPERATOR_EXISTS) {
        buf_add_str(out, json_is_true(expected) ? "is there" : "is not there");
        return;
    }
    if (op->kind == OPERATOR_WITHIN_DAYS) {
        buf_addf(out, "is at most %lld days ago", (long long)json_integer_value(expected));
        return;
    }
    if (op->kind == OPERATOR_EQUALS && list)
        buf_add_str(out, "has exactly: ");
    else
        buf_add_str(out, ordered_verb(op, claim->type == CLAIM_TIME));
    value_words(expected, out);
}

struct tell {
    const struct policy *policy;
    json_t *lines;
};

static fallible line(struct tell *t, const char *path, int depth, const struct buf *text)
{
    json_t *j = json_object();
    TRY(buf_check(text));
    json_set_str(j, "path", *path ? path : "policy");
    json_set_int(j, "depth", depth);
    json_set_span(j, "text", buf_span(text));
    return json_array_append_new(t->lines, j) == 0 ? OK : FAIL(SYSTEM, "memory for words");
}

static fallible tell_condition(struct tell *t, const struct node *n, int depth)
{
    struct buf text owned(buf_done) = buf_of(WORDS_MAX);
    buf_addf(&text, "%s ", n->name);
    condition_words(n->op, n->claim, n->expected, &text);
    buf_addf(&text, "  (%s)", n->claim->meaning);
    return line(t, n->path, depth, &text);
}

static size_t children_of(const struct policy *p, size_t index)
{
    size_t count = 0;
    for (size_t i = index + 1; i < p->nodes[index].end; i = p->nodes[i].end)
        count++;
    return count;
}

/* Nested at most POLICY_DEPTH_MAX deep. `number`: of an alternative, else 0. */
static fallible tell_node(struct tell *t, size_t index, int depth, size_t number)
{
    const struct node *nodes = t->policy->nodes, *n = &nodes[index];
    struct buf text owned(buf_done) = buf_of(WORDS_MAX);
    size_t count = children_of(t->policy, index), i = 0;
    if (n->kind == NODE_CONDITION)
        return tell_condition(t, n, depth);
    if (!depth)
        buf_add_str(&text, "Evidence is accepted when ");
    if (number)
        buf_addf(&text, "alternative %zu: ", number);
    if (n->kind == NODE_ALL || count == 1)
        buf_add_str(&text, count == 1 ? "this holds:" : "all of this holds:");
    else
        buf_addf(&text, "one of these %zu holds:", count);
    TRY(line(t, n->path, depth, &text));
    for (size_t at = index + 1; at < n->end; at = nodes[at].end)
        TRY(tell_node(t, at, depth + 1, n->kind == NODE_ANY && count > 1 ? ++i : 0));
    return OK;
}

fallible policy_words(const struct policy *p, json_t **out)
{
    owned(json_free) json_t *lines = json_array();
    struct tell t = { p, lines };
    if (!lines)
        return FAIL(SYSTEM, "memory for words");
    TRY(tell_node(&t, 0, 0, 0));
    *out = TAKE(lines);
    return OK;
}
