// SPDX-License-Identifier: Apache-2.0
#include "access/role_context.h"

#include "access/name_internal.h"

#define CONTEXT_CHARACTERS "_/.@,=;: *-"

static struct span trim(struct span s)
{
    while (s.len && s.at[0] == ' ')
        s = span_tail(s, 1);
    while (s.len && s.at[s.len - 1] == ' ')
        s = span_head(s, s.len - 1);
    return s;
}

bool context_list_next(struct span *list, struct span *entry)
{
    if (!list->len)
        return false;
    size_t comma = span_find(*list, SPAN(","));
    *entry = trim(span_head(*list, comma));
    *list = comma < list->len ? span_tail(*list, comma + 1) : (struct span){ 0 };
    return true;
}

bool context_list_has(struct span list, struct span item)
{
    struct span entry;

    while (context_list_next(&list, &entry)) {
        if (entry.len && span_equal(entry, item))
            return true;
    }
    return false;
}

static bool list_valid(struct span list)
{
    struct span entry;

    if (!list.len || list.at[list.len - 1] == ',')
        return false;
    while (context_list_next(&list, &entry)) {
        if (!entry.len)
            return false;
    }
    return true;
}

static bool context_has(const struct role_context *c, struct span key)
{
    for (size_t i = 0; i < c->count; i++) {
        if (name_equal_nocase(c->pairs[i].key, key))
            return true;
    }
    return false;
}

static fallible pair_add(struct role_context *c, struct span text)
{
    size_t equals = span_find(text, SPAN("="));
    struct span key = trim(span_head(text, equals));
    struct span value = equals < text.len ? trim(span_tail(text, equals + 1)) : (struct span){ 0 };

    if (!name_of_charset(key, "_-", 32))
        return FAIL(INPUT, "role context: key");
    if (span_find(value, SPAN("=")) < value.len || !list_valid(value))
        return FAIL(INPUT, "role context: value");
    if (context_has(c, key))
        return FAIL(INPUT, "role context: key given twice");
    if (c->count == ROLE_CONTEXT_PAIRS_MAX)
        return FAIL(LIMIT, "role context: too many pairs");
    c->pairs[c->count].key = key;
    c->pairs[c->count].value = value;
    c->count++;
    return OK;
}

fallible role_context_parse(struct span text, struct role_context *out)
{
    struct role_context c = { 0 };
    struct span rest = trim(text);

    if (text.len > ROLE_CONTEXT_MAX)
        return FAIL(LIMIT, "role context: too long");
    if (rest.len && !name_of_charset(rest, CONTEXT_CHARACTERS, ROLE_CONTEXT_MAX))
        return FAIL(INPUT, "role context: character");
    while (rest.len) {
        size_t semicolon = span_find(rest, SPAN(";"));
        TRY(pair_add(&c, span_head(rest, semicolon)));
        if (semicolon == rest.len)
            break;
        rest = span_tail(rest, semicolon + 1);
        if (!trim(rest).len)
            return FAIL(INPUT, "role context: ends with a semicolon");
    }
    *out = c;
    return OK;
}

struct span role_context_get(const struct role_context *c, const char *key)
{
    for (size_t i = 0; i < c->count; i++) {
        if (name_equal_nocase(c->pairs[i].key, span_str(key)))
            return c->pairs[i].value;
    }
    return (struct span){ 0 };
}
