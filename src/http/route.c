// SPDX-License-Identifier: Apache-2.0
#include "http/route.h"

#include "http/query_internal.h"

#define SEGMENT_MAX 1024

/* "/a/b" gives "a", leaves "/b". */
static struct span next_segment(struct span *rest)
{
    struct span behind = span_tail(*rest, 1);
    size_t end = span_find(behind, SPAN("/"));

    *rest = span_tail(behind, end);
    return span_head(behind, end);
}

static bool is_param(struct span segment)
{
    return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

static bool value_allowed(struct span v)
{
    if (!v.len || span_equal(v, SPAN(".")) || span_equal(v, SPAN("..")))
        return false;
    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.at[i];
        /* '%': what was encoded twice stays out. */
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '%')
            return false;
    }
    return true;
}

static bool take_param(struct span pattern, struct span segment, struct route_match *m)
{
    struct route_param *p = &m->params[m->count];

    p->name = span_head(span_tail(pattern, 1), pattern.len - 2);
    p->value = buf_of(SEGMENT_MAX);
    m->count++;
    return !failed(percent_decode(segment, false, &p->value)) && value_allowed(buf_span(&p->value));
}

static void params_done(struct route_match *m)
{
    for (size_t i = 0; i < m->count; i++)
        buf_done(&m->params[i].value);
    m->count = 0;
}

static bool matches(struct span pattern, struct span path, struct route_match *m)
{
    while (pattern.len && path.len) {
        struct span wanted = next_segment(&pattern), got = next_segment(&path);
        if (is_param(wanted) ? !take_param(wanted, got, m) : !span_equal(wanted, got))
            return false;
    }
    return !pattern.len && !path.len;
}

/* A path that a pattern without parameters names is that one's alone, whatever the method. */
static bool names_exactly(const struct http_route *routes, struct span path)
{
    for (const struct http_route *r = routes; r->method; r++)
        if (span_equal_str(path, r->pattern))
            return true;
    return false;
}

enum route_outcome route_find(const struct http_route *routes, const char *method, struct span path,
                              struct route_match *out)
{
    struct route_match m = { 0 };

    if (!path.len || path.at[0] != '/') {
        *out = m;
        return ROUTE_ABSENT;
    }
    bool exact = names_exactly(routes, path);
    for (const struct http_route *r = routes; r->method; r++) {
        if (matches(span_str(r->pattern), path, &m) && !(exact && m.count)) {
            if (strcmp(r->method, method) == 0) {
                m.route = r;
                *out = m;
                return ROUTE_FOUND;
            }
            if (m.allowed_count < ROUTE_METHODS_MAX)
                m.allowed[m.allowed_count++] = r->method;
        }
        params_done(&m);
    }
    *out = m;
    return m.allowed_count ? ROUTE_OTHER_METHOD : ROUTE_ABSENT;
}

size_t route_body_max(const struct http_route *routes, const char *method, struct span path,
                      size_t otherwise)
{
    for (const struct http_route *r = routes; r->method; r++) {
        struct route_match m = { 0 };

        if (r->body_max <= otherwise || strcmp(r->method, method) != 0)
            continue;
        bool ours = matches(span_str(r->pattern), path, &m);
        params_done(&m);
        if (ours)
            return r->body_max;
    }
    return otherwise;
}

void route_match_done(struct route_match *m)
{
    params_done(m);
    m->route = NULL;
}

static bool pattern_valid(struct span pattern)
{
    size_t params = 0;

    if (!pattern.len || pattern.at[0] != '/')
        return false;
    if (pattern.len == 1)
        return true; /* the root */
    while (pattern.len) {
        struct span segment = next_segment(&pattern);
        if (!segment.len)
            return false;
        params += is_param(segment);
    }
    return params <= HTTP_PARAMS_MAX;
}

static bool route_tagged(const struct http_route *r)
{
    switch (r->auth) {
    case ROUTE_NONE:
        return false;
    case ROUTE_OPEN:
    case ROUTE_BEARER:
    case ROUTE_PROOF:
        return true;
    }
    return false;
}

fallible routes_check(const struct http_route *routes)
{
    for (const struct http_route *r = routes; r->method; r++) {
        if (!route_tagged(r))
            return FAIL(INPUT, "a route without a tag of who may call it");
        if ((r->auth == ROUTE_BEARER) != (r->needs && *r->needs))
            return FAIL(INPUT, "a route by token without what it needs, or the other way round");
        if (!r->handler || !r->pattern || !pattern_valid(span_str(r->pattern)))
            return FAIL(INPUT, "a route without handler or with a bad pattern");
    }
    return OK;
}
