// SPDX-License-Identifier: Apache-2.0
#include "access/permission.h"

#include "access/name_internal.h"

struct rule {
    struct span resource, action, context;
    bool has_context;
};

static bool part_valid(struct span part, const char *further)
{
    if (span_equal_str(part, "*"))
        return true;
    return name_of_charset(part, further, RULE_MAX);
}

static bool rule_split(struct span text, struct rule *out)
{
    struct rule r = { 0 };
    size_t colon = span_find(text, SPAN(":"));

    if (text.len > RULE_MAX || colon == text.len)
        return false;
    r.resource = span_head(text, colon);
    struct span rest = span_tail(text, colon + 1);
    colon = span_find(rest, SPAN(":"));
    r.action = span_head(rest, colon);
    r.has_context = colon < rest.len;
    if (r.has_context)
        r.context = span_tail(rest, colon + 1);
    if (!part_valid(r.resource, "_.@-") || !part_valid(r.action, "_.@-"))
        return false;
    if (r.has_context && !part_valid(r.context, "_.@-/,= "))
        return false;
    *out = r;
    return true;
}

bool rule_valid(struct span rule)
{
    struct rule r;
    return rule_split(rule, &r);
}

static bool part_allows(struct span pattern, struct span needed)
{
    return span_equal_str(pattern, "*") || span_equal(pattern, needed);
}

bool rule_allows(struct span rule, const char *needed, struct span context)
{
    struct span want = span_str(needed);
    size_t colon = span_find(want, SPAN(":"));
    struct rule r;

    if (colon == want.len || !rule_split(rule, &r))
        return false;
    if (!part_allows(r.resource, span_head(want, colon)) ||
        !part_allows(r.action, span_tail(want, colon + 1)))
        return false;
    return r.has_context ? part_allows(r.context, context) : context.len == 0;
}
