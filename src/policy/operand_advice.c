// SPDX-License-Identifier: Apache-2.0
#include "policy/operator.h"

static void add_value(const struct claim_row *claim, struct buf *out)
{
    switch (claim->type) {
    case CLAIM_BOOL:
        buf_add_str(out, "true or false, without quotes");
        break;
    case CLAIM_NUMBER:
        if (claim->size && claim->size < 63)
            buf_addf(out, "a number from 0 to %llu, without quotes", (1ULL << claim->size) - 1);
        else
            buf_add_str(out, "a number, without quotes");
        break;
    case CLAIM_HEX:
        if (claim->size)
            buf_addf(out, "%u hexadecimal digits in quotes", 2 * claim->size);
        else
            buf_add_str(out, "an even number of hexadecimal digits in quotes");
        break;
    case CLAIM_TIME:
        buf_add_str(out, "a time like \"2026-11-23T12:00:00Z\"");
        break;
    case CLAIM_TEXT:
    case CLAIM_TEXT_LIST:
        buf_addf(out, claim->values ? "one of: %s" : "a text in quotes%s",
                 claim->values ? claim->values : "");
        break;
    case CLAIM_EVENT_LIST:
        buf_addf(out, "an object with some of the members: %s", claim->values ? claim->values : "");
        break;
    }
}

static bool is_list(const struct claim_row *claim)
{
    return claim->type == CLAIM_TEXT_LIST || claim->type == CLAIM_EVENT_LIST;
}

void operand_advice(const struct operator_row *op, const struct claim_row *claim,
                    char out[ADVICE_MAX])
{
    struct buf text owned(buf_done) = buf_of(ADVICE_MAX - 1);
    if (!(op->types & (1U << claim->type))) {
        buf_add_str(&text, "it takes: ");
        const char *separator = "";
        for (size_t i = 0; operator_name(i); i++) {
            if (!(operator_find(span_str(operator_name(i)))->types & (1U << claim->type)))
                continue;
            buf_addf(&text, "%s%s", separator, operator_name(i));
            separator = ", ";
        }
    } else if (op->shape == OPERAND_DAYS) {
        buf_add_str(&text, "write a whole number of days, 1 to 36500");
    } else if (op->shape == OPERAND_BOOL) {
        buf_add_str(&text, "write true or false, without quotes");
    } else {
        bool list = op->shape == OPERAND_SET || is_list(claim);
        buf_add_str(&text, list ? "write a list, each member " : "write ");
        add_value(claim, &text);
    }
    snprintf(out, ADVICE_MAX, "%s", failed(buf_check(&text)) ? "" : buf_str(&text));
}
