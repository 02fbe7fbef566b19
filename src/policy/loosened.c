// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "policy/operator.h"
#include "policy/policy.h"

#define DAY 86400

static json_t *condition(const char *claim, const char *op, json_t *value)
{
    json_t *j = json_object();
    json_set_str(j, "claim", claim);
    json_object_set_new(j, op, value);
    return j;
}

static json_t *with(const json_t *set, const json_t *more)
{
    json_t *list = json_is_array(set) ? json_copy((json_t *)set) : json_pack("[O]", set);
    for (size_t i = 0; json_is_array(more) && i < json_array_size(more); i++) {
        bool there = false;
        for (size_t k = 0; k < json_array_size(list); k++)
            there |= json_equal(json_array_get(list, k), json_array_get(more, i));
        if (!there)
            json_array_append(list, json_array_get(more, i));
    }
    if (!json_is_array(more))
        json_array_append(list, (json_t *)more);
    return list;
}

static json_t *without(const json_t *set, const json_t *value)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(set); i++)
        if (!json_equal(json_array_get(set, i), value))
            json_array_append(list, json_array_get(set, i));
    return list;
}

/* Members of `set` that are in `kept`, or that are not. */
static json_t *filtered(const json_t *set, const json_t *list, bool kept)
{
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(set); i++) {
        bool there = false;
        for (size_t k = 0; k < json_array_size(list); k++)
            there |= json_equal(json_array_get(list, k), json_array_get(set, i));
        if (there == kept)
            json_array_append(out, json_array_get(set, i));
    }
    return out;
}

/* An empty set is no condition: NULL stands for taking the condition out. */
static json_t *if_any(const char *claim, const char *op, json_t *set)
{
    if (json_array_size(set))
        return condition(claim, op, set);
    json_free(set);
    return NULL;
}

static json_t *days_needed(const struct policy_finding *f, int64_t now)
{
    const char *text = json_string_value(f->actual);
    int64_t at;
    if (!text || failed(clock_parse_rfc3339(span_str(text), &at)) || at > now)
        return NULL;
    int64_t days = (now - at + DAY - 1) / DAY;
    return days <= OPERATOR_DAYS_MAX ? condition(f->claim, f->op, json_integer(days)) : NULL;
}

static json_t *list_loosened(const struct policy_finding *f, enum operator_kind kind)
{
    switch (kind) {
    case OPERATOR_EQUALS:
        return condition(f->claim, "equals", json_deep_copy(f->actual));
    case OPERATOR_CONTAINS_ALL:
        return if_any(f->claim, f->op, filtered(f->expected, f->actual, true));
    case OPERATOR_CONTAINS_NONE:
        return if_any(f->claim, f->op, filtered(f->expected, f->actual, false));
    case OPERATOR_CONTAINS_ANY:
    case OPERATOR_SUBSET_OF:
        return json_array_size(f->actual) ? condition(f->claim, f->op, with(f->expected, f->actual))
                                          : NULL;
    case OPERATOR_NOT_EQUALS:
    case OPERATOR_LESS:
    case OPERATOR_LESS_OR_EQUALS:
    case OPERATOR_GREATER:
    case OPERATOR_GREATER_OR_EQUALS:
    case OPERATOR_EXISTS:
    case OPERATOR_IN:
    case OPERATOR_NOT_IN:
    case OPERATOR_WITHIN_DAYS:
        break;
    }
    return NULL;
}

static json_t *scalar_loosened(const struct policy_finding *f, enum operator_kind kind, int64_t now)
{
    switch (kind) {
    case OPERATOR_EQUALS:
    case OPERATOR_IN:
        return condition(f->claim, "in", with(f->expected, f->actual));
    case OPERATOR_NOT_IN:
        return if_any(f->claim, f->op, without(f->expected, f->actual));
    case OPERATOR_LESS:
    case OPERATOR_LESS_OR_EQUALS:
        return condition(f->claim, "max", json_deep_copy(f->actual));
    case OPERATOR_GREATER:
    case OPERATOR_GREATER_OR_EQUALS:
        return condition(f->claim, "min", json_deep_copy(f->actual));
    case OPERATOR_WITHIN_DAYS:
        return days_needed(f, now);
    case OPERATOR_NOT_EQUALS:
    case OPERATOR_EXISTS:
    case OPERATOR_CONTAINS_ALL:
    case OPERATOR_CONTAINS_ANY:
    case OPERATOR_CONTAINS_NONE:
    case OPERATOR_SUBSET_OF:
        break;
    }
    return NULL;
}

json_t *policy_finding_loosened(const struct policy_finding *f, int64_t now)
{
    const struct operator_row *op = operator_find(span_str(f->op));
    const struct claim_row *claim = claim_find(span_str(f->claim));
    if (f->passed || !f->actual || !op || !claim || claim->type == CLAIM_EVENT_LIST ||
        claim->type == CLAIM_BOOL)
        return NULL;
    return claim->type == CLAIM_TEXT_LIST ? list_loosened(f, op->kind)
                                          : scalar_loosened(f, op->kind, now);
}
