// SPDX-License-Identifier: Apache-2.0
#include "policy/operator.h"

#include <strings.h>

#include "base/clock.h"
#include "policy/policy.h"

#define ON(type) (1U << CLAIM_##type)
#define SCALARS (ON(BOOL) | ON(NUMBER) | ON(TEXT) | ON(HEX) | ON(TIME))
#define ORDERED (ON(NUMBER) | ON(TIME))
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
    { "exists", OPERATOR_EXISTS, OPERAND_BOOL, SCALARS | ON(TEXT_LIST) },
    { "in", OPERATOR_IN, OPERAND_SET, LISTED },
    { "notIn", OPERATOR_NOT_IN, OPERAND_SET, LISTED },
    { "contains_all", OPERATOR_CONTAINS_ALL, OPERAND_SET, ON(TEXT_LIST) },
    { "subset_of", OPERATOR_SUBSET_OF, OPERAND_SET, ON(TEXT_LIST) },
    { "within_days", OPERATOR_WITHIN_DAYS, OPERAND_DAYS, ON(TIME) },
};

const struct operator_row *operator_find(struct span name)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (span_equal_str(name, operators[i].name))
            return &operators[i];
    return NULL;
}

static struct span text_of(const json_t *j)
{
    return span_from(json_string_value(j), json_string_length(j));
}

static bool is_hex(struct span s, size_t bytes)
{
    if (s.len != 2 * bytes)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("0123456789abcdefABCDEF", s.at[i]) || !s.at[i])
            return false;
    return true;
}

/* `word` is one of the words of `list`. */
static bool listed(struct span word, const char *list)
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
    case CLAIM_TEXT:
    case CLAIM_TEXT_LIST:
        break;
    }
    if (!json_is_string(v) || !json_string_length(v))
        return "the claim is text: the value must be text, not empty";
    if (claim->values && !listed(text_of(v), claim->values))
        return "the claim can never have this value";
    return NULL;
}

static const char *set_check(const struct claim_row *claim, const json_t *set, bool may_be_empty)
{
    if (!json_is_array(set))
        return "the value must be a list";
    if (!json_array_size(set) && !may_be_empty)
        return "empty set";
    if (json_array_size(set) > POLICY_SET_MAX)
        return "too many values";
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
    case CLAIM_HEX: /* either case; both have the claim's length */
        return strncasecmp(json_string_value(a), json_string_value(b), 2 * (size_t)claim->size);
    case CLAIM_TIME:
        *comparable = !failed(clock_parse_rfc3339(text_of(a), &ta)) &&
                      !failed(clock_parse_rfc3339(text_of(b), &tb));
        return *comparable ? sign_of(ta, tb) : 1;
    case CLAIM_TEXT:
    case CLAIM_TEXT_LIST:
        break;
    }
    return span_equal(text_of(a), text_of(b)) ? 0 : 1;
}

static bool set_has(const struct claim_row *claim, const json_t *set, const json_t *one)
{
    for (size_t i = 0; i < json_array_size(set); i++) {
        bool comparable;
        if (!claim_compare(claim, json_array_get(set, i), one, &comparable) && comparable)
            return true;
    }
    return false;
}

static bool set_covers(const struct claim_row *claim, const json_t *outer, const json_t *inner)
{
    for (size_t i = 0; i < json_array_size(inner); i++)
        if (!set_has(claim, outer, json_array_get(inner, i)))
            return false;
    return true;
}

static bool list_holds(const struct operator_row *op, const struct claim_row *claim,
                       const json_t *expected, const json_t *actual)
{
    bool has_all = set_covers(claim, actual, expected);
    bool no_other = set_covers(claim, expected, actual);
    switch (op->kind) {
    case OPERATOR_EQUALS:
        return has_all && no_other;
    case OPERATOR_NOT_EQUALS:
        return !has_all || !no_other;
    case OPERATOR_CONTAINS_ALL:
        return has_all;
    case OPERATOR_SUBSET_OF:
        return no_other;
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
    case OPERATOR_SUBSET_OF:
        break;
    }
    return false;
}

static bool is_value_of(const struct claim_row *claim, const json_t *actual)
{
    if (!actual)
        return false;
    return !(claim->type == CLAIM_TEXT_LIST ? set_check(claim, actual, true)
                                            : value_check(claim, actual));
}

bool operator_holds(const struct operator_row *op, const struct claim_row *claim,
                    const json_t *expected, const json_t *actual, int64_t now)
{
    if (op->kind == OPERATOR_EXISTS)
        return json_is_true(expected) == (actual != NULL);
    if (!is_value_of(claim, actual))
        return false;
    if (claim->type == CLAIM_TEXT_LIST)
        return list_holds(op, claim, expected, actual);
    return scalar_holds(op, claim, expected, actual, now);
}
