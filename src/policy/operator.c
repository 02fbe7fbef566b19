// SPDX-License-Identifier: Apache-2.0
#include "policy/operator.h"

#include <strings.h>

#include "base/clock.h"
#include "policy/policy.h"

#define ON(type) (1U << CLAIM_##type)
#define SCALARS (ON(BOOL) | ON(NUMBER) | ON(TEXT) | ON(HEX) | ON(TIME))
#define ORDERED (ON(NUMBER) | ON(TIME))
#define LISTS (ON(TEXT_LIST) | ON(EVENT_LIST))
#define LISTED (ON(NUMBER) | ON(TEXT) | ON(HEX) | ON(TIME))
#define DAY 86400
#define CLOCK_SLACK 60

static const struct operator_row operators[] = {
    { "equals", OPERATOR_EQUALS, OPERAND_VALUE, SCALARS | ON(TEXT_LIST) },
    { "notEquals", OPERATOR_NOT_EQUALS, OPERAND_VALUE, SCALARS | ON(TEXT_LIST) },
    { "less", OPERATOR_LESS, OPERAND_VALUE, ORDERED },
    { "lessOrEquals", OPERATOR_LESS_OR_EQUALS, OPERAND_VALUE, ORDERED },
    { "greater", OPERATOR_GREATER, OPERAND_VALUE, ORDERED },
    { "greaterOrEquals", OPERATOR_GREATER_OR_EQUALS, OPERAND_VALUE, ORDERED },
    { "min", OPERATOR_GREATER_OR_EQUALS, OPERAND_VALUE, ORDERED },
    { "max", OPERATOR_LESS_OR_EQUALS, OPERAND_VALUE, ORDERED },
    { "exists", OPERATOR_EXISTS, OPERAND_BOOL, SCALARS | LISTS },
    { "in", OPERATOR_IN, OPERAND_SET, LISTED },
    { "notIn", OPERATOR_NOT_IN, OPERAND_SET, LISTED },
    { "contains_all", OPERATOR_CONTAINS_ALL, OPERAND_SET, LISTS },
    { "contains_any", OPERATOR_CONTAINS_ANY, OPERAND_SET, LISTS },
    { "contains_none", OPERATOR_CONTAINS_NONE, OPERAND_SET, LISTS },
    { "subset_of", OPERATOR_SUBSET_OF, OPERAND_SET, LISTS },
    { "within_days", OPERATOR_WITHIN_DAYS, OPERAND_DAYS, ON(TIME) },
};

const struct operator_row *operator_find(struct span name)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (span_equal_str(name, operators[i].name))
            return &operators[i];
    return NULL;
}

const char *operator_name(size_t at)
{
    return at < sizeof(operators) / sizeof(operators[0]) ? operators[at].name : NULL;
}

static struct span text_of(const json_t *j)
{
    return span_from(json_string_value(j), json_string_length(j));
}

static bool is_hex(struct span s, size_t bytes)
{
    if (bytes ? s.len != 2 * bytes : !s.len || s.len % 2)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("0123456789abcdefABCDEF", s.at[i]) || !s.at[i])
            return false;
    return true;
}

bool word_listed(struct span word, const char *list)
{
    struct span rest = span_str(list);
    while (rest.len) {
        size_t end = span_find(rest, SPAN(" "));
        if (span_equal(word, span_head(rest, end)))
            return true;
        rest = span_tail(rest, end + 1);
    }
    return false;
}

static const char *number_check(const struct claim_row *claim, const json_t *v)
{
    if (!json_is_integer(v))
        return "the claim is a number: the value must be one too";
    json_int_t n = json_integer_value(v);
    if (n < 0 || (claim->size && claim->size < 63 && n >> claim->size))
        return "the claim can never have this number";
    return NULL;
}

/* An event, or a pattern of events: each is told by its members. */
static const char *event_check(const struct claim_row *claim, const json_t *v)
{
    const char *name;
    json_t *member;
    if (!json_is_object(v) || !json_object_size(v))
        return "the claim is a list of events: the value must list objects, none of them empty";
    if (json_object_size(v) > EVENT_MEMBERS_MAX)
        return "an event has fewer members";
    json_object_foreach((json_t *)v, name, member)
    {
        if (claim->values && !word_listed(span_str(name), claim->values))
            return "events of this claim have no such member";
        if (!json_is_string(member) && !json_is_integer(member) && !json_is_boolean(member))
            return "members of events are texts, numbers, true or false";
    }
    return NULL;
}

static const char *value_check(const struct claim_row *claim, const json_t *v)
{
    int64_t at;
    switch (claim->type) {
    case CLAIM_BOOL:
        return json_is_boolean(v) ? NULL : "the claim is true or false: the value must be too";
    case CLAIM_NUMBER:
        return number_check(claim, v);
    case CLAIM_HEX:
        return json_is_string(v) && is_hex(text_of(v), claim->size)
                   ? NULL
                   : "the claim is hexadecimal of fixed length: the value must have exactly as "
                     "many digits";
    case CLAIM_TIME:
        return json_is_string(v) && !failed(clock_parse_rfc3339(text_of(v), &at))
                   ? NULL
                   : "the claim is a time: the value must be one in RFC 3339 form";
    case CLAIM_EVENT_LIST:
        return event_check(claim, v);
    case CLAIM_TEXT:
    case CLAIM_TEXT_LIST:
        break;
    }
    if (!json_is_string(v) || !json_string_length(v))
        return "the claim is text: the value must be text, not empty";
    if (claim->values && !word_listed(text_of(v), claim->values))
        return "the claim can never have this value";
    return NULL;
}

static const char *set_check(const struct claim_row *claim, const json_t *set, bool may_be_empty)
{
    if (!json_is_array(set))
        return "the value must be a list";
    if (!json_array_size(set) && !may_be_empty)
        return "empty set";
    for (size_t i = 0; i < json_array_size(set); i++) {
        const char *wrong = value_check(claim, json_array_get(set, i));
        if (wrong)
            return wrong;
    }
    return NULL;
}

const char *operand_check(const struct operator_row *op, const struct claim_row *claim,
                          const json_t *expected)
{
    if (!(op->types & (1U << claim->type)))
        return "the operator does not take claims of this type";
    if (json_array_size(expected) > POLICY_SET_MAX)
        return "too many values";
    switch (op->shape) {
    case OPERAND_VALUE:
        return claim->type == CLAIM_TEXT_LIST ? set_check(claim, expected, true)
                                              : value_check(claim, expected);
    case OPERAND_SET:
        return set_check(claim, expected, false);
    case OPERAND_BOOL:
        return json_is_boolean(expected) ? NULL : "exists takes true or false";
    case OPERAND_DAYS:
        break;
    }
    return json_is_integer(expected) && json_integer_value(expected) > 0 &&
                   json_integer_value(expected) <= OPERATOR_DAYS_MAX
               ? NULL
               : "within_days takes a whole number of days, 1 to 36500";
}

static int sign_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int claim_compare(const struct claim_row *claim, const json_t *a, const json_t *b, bool *comparable)
{
    *comparable = !value_check(claim, a) && !value_check(claim, b);
    if (!*comparable)
        return 1;
    int64_t ta = 0, tb = 0;
    switch (claim->type) {
    case CLAIM_BOOL:
        return sign_of(json_is_true(a), json_is_true(b));
    case CLAIM_NUMBER:
        return sign_of(json_integer_value(a), json_integer_value(b));
    case CLAIM_HEX: /* in either case */
        return sign_of(strcasecmp(json_string_value(a), json_string_value(b)), 0);
    case CLAIM_TIME:
        *comparable = !failed(clock_parse_rfc3339(text_of(a), &ta)) &&
                      !failed(clock_parse_rfc3339(text_of(b), &tb));
        return *comparable ? sign_of(ta, tb) : 1;
    case CLAIM_EVENT_LIST:
        return json_equal(a, b) ? 0 : 1;
    case CLAIM_TEXT:
    case CLAIM_TEXT_LIST:
        break;
    }
    return span_equal(text_of(a), text_of(b)) ? 0 : 1;
}

/* Texts are the same to the letter; digests are written in either case. */
static bool member_same(const char *name, const json_t *a, const json_t *b)
{
    if (!strcmp(name, "digest") && json_is_string(a) && json_is_string(b))
        return !strcasecmp(json_string_value(a), json_string_value(b));
    return json_equal(a, b);
}

/* Does the event have every member of the pattern, with this value? */
static bool event_matches(const json_t *pattern, const json_t *event)
{
    const char *name;
    json_t *wanted;
    json_object_foreach((json_t *)pattern, name, wanted)
    {
        if (!member_same(name, wanted, json_object_get(event, name)))
            return false;
    }
    return true;
}

static bool set_has(const struct claim_row *claim, const json_t *set, const json_t *one)
{
    for (size_t i = 0; i < json_array_size(set); i++) {
        bool comparable;
        const json_t *member = json_array_get(set, i);
        if (claim->type == CLAIM_EVENT_LIST
                ? event_matches(member, one)
                : !claim_compare(claim, member, one, &comparable) && comparable)
            return true;
    }
    return false;
}

bool set_covers(const struct claim_row *claim, const json_t *outer, const json_t *inner)
{
    for (size_t i = 0; i < json_array_size(inner); i++)
        if (!set_has(claim, outer, json_array_get(inner, i)))
            return false;
    return true;
}

/* Of the expected members (patterns, of events), how many does the list have? */
static size_t members_found(const struct claim_row *claim, const json_t *expected,
                            const json_t *actual)
{
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const json_t *wanted = json_array_get(expected, i);
        bool has = claim->type != CLAIM_EVENT_LIST && set_has(claim, actual, wanted);
        for (size_t j = 0; claim->type == CLAIM_EVENT_LIST && !has && j < json_array_size(actual);
             j++)
            has = event_matches(wanted, json_array_get(actual, j));
        found += has;
    }
    return found;
}

static bool list_holds(const struct operator_row *op, const struct claim_row *claim,
                       const json_t *expected, const json_t *actual)
{
    size_t found = members_found(claim, expected, actual);
    bool has_all = found == json_array_size(expected);
    switch (op->kind) {
    case OPERATOR_EQUALS:
        return has_all && set_covers(claim, expected, actual);
    case OPERATOR_NOT_EQUALS:
        return !has_all || !set_covers(claim, expected, actual);
    case OPERATOR_CONTAINS_ALL:
        return has_all;
    case OPERATOR_CONTAINS_ANY:
        return found > 0;
    case OPERATOR_CONTAINS_NONE:
        return !found;
    case OPERATOR_SUBSET_OF:
        return set_covers(claim, expected, actual);
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
    return false;
}

static bool within_days(const json_t *expected, const json_t *actual, int64_t now)
{
    int64_t at;
    if (failed(clock_parse_rfc3339(text_of(actual), &at)))
        return false;
    return at <= now + CLOCK_SLACK && now - at <= json_integer_value(expected) * DAY;
}

static bool scalar_holds(const struct operator_row *op, const struct claim_row *claim,
                         const json_t *expected, const json_t *actual, int64_t now)
{
    bool comparable = true;
    int order =
        op->shape == OPERAND_VALUE ? claim_compare(claim, actual, expected, &comparable) : 0;
    if (!comparable)
        return false;
    switch (op->kind) {
    case OPERATOR_EQUALS:
        return order == 0;
    case OPERATOR_NOT_EQUALS:
        return order != 0;
    case OPERATOR_LESS:
        return order < 0;
    case OPERATOR_LESS_OR_EQUALS:
        return order <= 0;
    case OPERATOR_GREATER:
        return order > 0;
    case OPERATOR_GREATER_OR_EQUALS:
        return order >= 0;
    case OPERATOR_IN:
        return set_has(claim, expected, actual);
    case OPERATOR_NOT_IN:
        return !set_has(claim, expected, actual);
    case OPERATOR_WITHIN_DAYS:
        return within_days(expected, actual, now);
    case OPERATOR_EXISTS:
    case OPERATOR_CONTAINS_ALL:
    case OPERATOR_CONTAINS_ANY:
    case OPERATOR_CONTAINS_NONE:
    case OPERATOR_SUBSET_OF:
        break;
    }
    return false;
}

static bool is_list(const struct claim_row *claim)
{
    return claim->type == CLAIM_TEXT_LIST || claim->type == CLAIM_EVENT_LIST;
}

static bool is_value_of(const struct claim_row *claim, const json_t *actual)
{
    if (!actual)
        return false;
    return !(is_list(claim) ? set_check(claim, actual, true) : value_check(claim, actual));
}

bool operator_holds(const struct operator_row *op, const struct claim_row *claim,
                    const json_t *expected, const json_t *actual, int64_t now)
{
    if (op->kind == OPERATOR_EXISTS)
        return json_is_true(expected) == (actual != NULL);
    if (!is_value_of(claim, actual))
        return false;
    if (is_list(claim))
        return list_holds(op, claim, expected, actual);
    return scalar_holds(op, claim, expected, actual, now);
}
