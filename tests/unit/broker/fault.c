// SPDX-License-Identifier: Apache-2.0
#include "fault.h"

#include <string.h>

#include "base/clock.h"

#define NOW 1795435200
#define DAY 86400
#define WITHIN 10

void fault_done(struct fault *f)
{
    json_free(f->expected);
    json_free(f->wrong);
    *f = (struct fault){ 0 };
}

static json_t *time_moved(const json_t *value, int64_t by)
{
    char text[CLOCK_TEXT_MAX];
    int64_t at = 0;

    if (failed(clock_parse_rfc3339(span_str(json_string_value(value)), &at)))
        return NULL;
    return json_string(clock_format(at + by, text));
}

static json_t *number_moved(const struct claim_row *claim, const json_t *value, int by)
{
    json_int_t n = json_integer_value(value) + by;
    bool fits = n >= 0 && !(claim->size && claim->size < 63 && n >> claim->size);

    return fits ? json_integer(n) : NULL;
}

/* A number or a time a step up or down. */
static json_t *moved(const struct claim_row *claim, const json_t *value, int by)
{
    return claim->type == CLAIM_TIME ? time_moved(value, by * (int64_t)DAY)
                                     : number_moved(claim, value, by);
}

static json_t *hex_turned(const json_t *value)
{
    char *text owned(free) = strdup(json_string_value(value));

    if (!*text)
        return NULL;
    *text = *text == '0' ? '1' : '0';
    return json_string(text);
}

static json_t *word_turned(const struct claim_row *claim, const json_t *value)
{
    const char *text = json_string_value(value);
    struct span rest = span_str(claim->values);

    while (rest.len) {
        struct span word = span_head(rest, span_find(rest, SPAN(" ")));
        if (!span_equal_str(word, text))
            return json_stringn((const char *)word.at, word.len);
        rest = span_tail(rest, word.len + 1);
    }
    return claim->values ? NULL : json_sprintf("%s-other", text);
}

/* A member that the list does not have. */
static json_t *stranger(const struct claim_row *claim)
{
    json_t *event = json_object();

    if (claim->type == CLAIM_TEXT_LIST) {
        json_free(event);
        return json_string("PLANTED-SA-00000");
    }
    struct span rest = span_str(claim->values);
    while (rest.len) {
        struct span word = span_head(rest, span_find(rest, SPAN(" ")));
        char *name owned(free) = span_dup(word);
        json_set_str(event, name, "planted");
        rest = span_tail(rest, word.len + 1);
    }
    return event;
}

static json_t *with(const json_t *list, json_t *more)
{
    json_t *out = json_deep_copy(list);
    json_array_append_new(out, more);
    return out;
}

static json_t *without_first(const json_t *list)
{
    json_t *out = json_array(), *one;
    size_t i;

    json_array_foreach((json_t *)list, i, one)
    {
        if (!json_equal(one, json_array_get(list, 0)))
            json_array_append_new(out, json_deep_copy(one));
    }
    return out;
}

json_t *fault_other(const struct claim_row *claim, const json_t *value)
{
    switch (claim->type) {
    case CLAIM_BOOL:
        return json_boolean(!json_is_true(value));
    case CLAIM_NUMBER: {
        json_t *up = number_moved(claim, value, 1);
        return up ? up : number_moved(claim, value, -1);
    }
    case CLAIM_TEXT:
        return word_turned(claim, value);
    case CLAIM_HEX:
        return hex_turned(value);
    case CLAIM_TIME:
        return time_moved(value, DAY);
    case CLAIM_TEXT_LIST:
    case CLAIM_EVENT_LIST:
        return with(value, stranger(claim));
    }
    return NULL;
}

static void of_list(const struct operator_row *op, const struct claim_row *claim,
                    const json_t *value, struct fault *f)
{
    bool first = op->kind == OPERATOR_CONTAINS_ALL || op->kind == OPERATOR_CONTAINS_ANY;

    if (first && !json_array_size(value))
        return;
    if (first) {
        f->expected = json_pack("[o]", json_deep_copy(json_array_get(value, 0)));
        f->wrong = without_first(value);
    } else if (op->kind == OPERATOR_CONTAINS_NONE) {
        f->expected = json_pack("[o]", stranger(claim));
        f->wrong = with(value, stranger(claim));
    } else if (op->kind == OPERATOR_SUBSET_OF && json_array_size(value) &&
               json_array_size(value) < POLICY_SET_MAX) {
        f->expected = json_deep_copy(value);
        f->wrong = with(value, stranger(claim));
    }
}

static void of_order(const struct operator_row *op, const struct claim_row *claim,
                     const json_t *value, struct fault *f)
{
    bool upper = op->kind == OPERATOR_LESS || op->kind == OPERATOR_LESS_OR_EQUALS;
    bool strict = op->kind == OPERATOR_LESS || op->kind == OPERATOR_GREATER;

    f->wrong = moved(claim, value, upper ? 1 : -1);
    if (f->wrong)
        f->expected = strict ? json_deep_copy(f->wrong) : json_deep_copy(value);
}

static void of_value(const struct operator_row *op, const struct claim_row *claim,
                     const json_t *value, struct fault *f)
{
    bool negative = op->kind == OPERATOR_NOT_EQUALS || op->kind == OPERATOR_NOT_IN;
    bool set = op->kind == OPERATOR_IN || op->kind == OPERATOR_NOT_IN;

    f->wrong = fault_other(claim, value);
    if (!f->wrong)
        return;
    json_t *one = json_deep_copy(negative ? f->wrong : value);
    f->expected = set ? json_pack("[o]", one) : one;
}

static void of_age(const json_t *value, struct fault *f)
{
    int64_t at = 0;

    (void)clock_parse_rfc3339(span_str(json_string_value(value)), &at).kind;
    f->now = at + WITHIN / 2 * DAY;
    f->expected = json_integer(WITHIN);
    f->wrong = time_moved(value, -(int64_t)WITHIN * DAY);
}

bool fault_make(const struct operator_row *op, const struct claim_row *claim, const json_t *value,
                struct fault *out)
{
    struct fault f = { .now = NOW };

    if (!(op->types & (1U << claim->type)))
        return false;
    switch (op->kind) {
    case OPERATOR_EXISTS:
        f.expected = json_true();
        break;
    case OPERATOR_LESS:
    case OPERATOR_LESS_OR_EQUALS:
    case OPERATOR_GREATER:
    case OPERATOR_GREATER_OR_EQUALS:
        of_order(op, claim, value, &f);
        break;
    case OPERATOR_EQUALS:
    case OPERATOR_NOT_EQUALS:
    case OPERATOR_IN:
    case OPERATOR_NOT_IN:
        of_value(op, claim, value, &f);
        break;
    case OPERATOR_CONTAINS_ALL:
    case OPERATOR_CONTAINS_ANY:
    case OPERATOR_CONTAINS_NONE:
    case OPERATOR_SUBSET_OF:
        of_list(op, claim, value, &f);
        break;
    case OPERATOR_WITHIN_DAYS:
        of_age(value, &f);
        break;
    }
    *out = f;
    return f.expected && !operand_check(op, claim, f.expected) &&
           operator_holds(op, claim, f.expected, value, f.now) &&
           !operator_holds(op, claim, f.expected, f.wrong, f.now);
}
