// SPDX-License-Identifier: Apache-2.0
/* The head of a request, its route and query; then the rest as a chunked body, in two ways of cutting it up. */
#include <assert.h>

#include "http/chunked_internal.h"
#include "http/query_internal.h"
#include "http/request_head_internal.h"
#include "http/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void handler(struct http_exchange *x, void *context)
{
    (void)x;
    (void)context;
}

static const struct http_route routes[] = {
    { "GET", "/", ROUTE_OPEN, handler },
    { "GET", "/a/{id}", ROUTE_OPEN, handler },
    { "POST", "/a/{id}/b/{x}", ROUTE_PROOF, handler },
    { "DELETE", "/a/{id}", ROUTE_BEARER, handler, .needs = "X:y:z" },
    { 0 },
};

static void check_param(struct span v)
{
    assert(v.len && !span_equal_str(v, ".") && !span_equal_str(v, ".."));
    for (size_t i = 0; i < v.len; i++)
        assert(v.at[i] >= 0x20 && v.at[i] != '/' && v.at[i] != '%');
}

static void check_head(const struct request_head *h)
{
    struct route_match m;
    struct query q = { 0 };
    struct span value;

    for (size_t i = 0; i < h->count; i++)
        assert(h->fields[i].name.len && !memchr(h->fields[i].name.at, '\n', h->fields[i].name.len));
    assert(!(h->chunked && h->content_length));
    if (route_find(routes, h->method, h->path, &m) == ROUTE_FOUND)
        for (size_t i = 0; i < m.count; i++)
            check_param(buf_span(&m.params[i].value));
    route_match_done(&m);
    if (!failed(query_parse(h->query, &q)) && query_find(&q, "a", &value))
        assert(value.len <= h->query.len);
    query_done(&q);
}

static struct err feed(struct span text, size_t step, struct chunked *c, struct buf *in, struct buf *body)
{
    for (size_t at = 0; at < text.len; at += step) {
        buf_add(in, span_head(span_tail(text, at), step));
        TRY(chunked_feed(c, in, body));
    }
    return OK;
}

static void check_chunked(struct span text)
{
    struct chunked a = { 0 }, b = { 0 };
    struct buf in_a owned(buf_done) = buf_of(1U << 20), in_b owned(buf_done) = buf_of(1U << 20);
    struct buf body_a owned(buf_done) = buf_of(4096), body_b owned(buf_done) = buf_of(4096);
    struct err e = feed(text, text.len + 1, &a, &in_a, &body_a), f = feed(text, 3, &b, &in_b, &body_b);

    assert(e.kind == f.kind);
    if (failed(e))
        return;
    assert(a.state == b.state && span_equal(buf_span(&in_a), buf_span(&in_b)));
    assert(span_equal(buf_span(&body_a), buf_span(&body_b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_from(data, size > 64U << 10 ? 64U << 10 : size);
    size_t end = span_find(all, SPAN("\r\n\r\n"));
    struct request_head h;

    if (end == all.len) {
        check_chunked(all);
        return 0;
    }
    if (!request_head_parse(span_head(all, end + 4), &h).status)
        check_head(&h);
    check_chunked(span_tail(all, end + 4));
    return 0;
}
