// SPDX-License-Identifier: Apache-2.0
#include "http/query_internal.h"

#include "base/hex.h"

fallible percent_decode(struct span raw, bool plus_is_space, struct buf *out)
{
    while (raw.len) {
        size_t plain = 0;
        while (plain < raw.len && raw.at[plain] != '%' && raw.at[plain] != '+')
            plain++;
        buf_add(out, span_head(raw, plain));
        raw = span_tail(raw, plain);
        if (!raw.len)
            break;
        uint8_t c = raw.at[0] == '+' && plus_is_space ? ' ' : raw.at[0];
        size_t used = 1;
        if (c == '%') {
            TRY(hex_parse_exact(span_head(span_tail(raw, 1), 2), &c, 1));
            if (c == 0)
                return FAIL(INPUT, "encoded NUL");
            used = 3;
        }
        buf_add_u8(out, c);
        raw = span_tail(raw, used);
    }
    return buf_check(out);
}

static fallible parse_pair(struct span pair, struct query *q)
{
    struct query_pair *p = &q->pairs[q->count];
    size_t equals = span_find(pair, SPAN("="));

    p->name = q->text.len;
    TRY(percent_decode(span_head(pair, equals), true, &q->text));
    p->value = q->text.len;
    if (equals < pair.len)
        TRY(percent_decode(span_tail(pair, equals + 1), true, &q->text));
    p->end = q->text.len;
    struct span ignored;
    char *name owned(free) =
        span_dup(span_head(span_tail(buf_span(&q->text), p->name), p->value - p->name));
    if (!name)
        return FAIL(SYSTEM, "memory for a query");
    q->repeats = q->repeats || query_find(q, name, &ignored);
    q->count++;
    return OK;
}

fallible query_parse(struct span raw, struct query *q)
{
    q->text = buf_of(raw.len);
    while (raw.len) {
        size_t end = span_find(raw, SPAN("&"));
        if (end && q->count == QUERY_PAIRS_MAX)
            return FAIL(INPUT, "too many members of the query");
        if (end)
            TRY(parse_pair(span_head(raw, end), q));
        raw = end < raw.len ? span_tail(raw, end + 1) : span_tail(raw, raw.len);
    }
    return OK;
}

void query_done(struct query *q)
{
    buf_done(&q->text);
    q->count = 0;
}

bool query_find(const struct query *q, const char *name, struct span *value)
{
    struct span text = buf_span(&q->text);

    for (size_t i = 0; i < q->count; i++) {
        const struct query_pair *p = &q->pairs[i];
        if (!span_equal_str(span_head(span_tail(text, p->name), p->value - p->name), name))
            continue;
        *value = span_head(span_tail(text, p->value), p->end - p->value);
        return true;
    }
    return false;
}
