// SPDX-License-Identifier: Apache-2.0
/* The scope of a request, for an interface that many share: by the first two segments of its path,
 * or by the name that the client asked TLS for. */
#include "http/exchange_internal.h"

static bool is_scope(struct span s)
{
    if (!s.len || s.len > HTTP_SCOPE_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

/* "acme" of "acme.kbs.example" where the domain is "kbs.example"; empty: not below it. Host names
 * compare without regard to case, and a scope's name is written in lower case. */
static struct span below_domain(struct span host, const char *domain)
{
    size_t len = domain ? strlen(domain) : 0;

    if (!len || host.len < len + 2 || host.at[host.len - len - 1] != '.' ||
        strncasecmp((const char *)&host.at[host.len - len], domain, len))
        return (struct span){ 0 };
    return span_head(host, host.len - len - 1);
}

static bool set(struct http_exchange *x, struct span name)
{
    if (!is_scope(name) || (x->scope[0] && !span_equal_str(name, x->scope)))
        return false;
    memcpy(x->scope, name.at, name.len);
    x->scope[name.len] = 0;
    return true;
}

bool scope_take(struct http_exchange *x, const struct routing *r)
{
    struct span prefix = span_str(r->scope_prefix);
    struct span by_name = below_domain(transport_server_name(x->transport), r->scope_domain);

    x->routed = x->head.path;
    if (by_name.len && !set(x, by_name))
        return false;
    if (!prefix.len || !span_starts(x->head.path, prefix))
        return true;
    struct span rest = span_tail(x->head.path, prefix.len);
    struct span name = span_head(rest, span_find(rest, SPAN("/")));
    x->routed = span_tail(rest, name.len);
    return set(x, name);
}
