// SPDX-License-Identifier: Apache-2.0
#include "http/route.h"

#include "http/query_internal.h"
#include "unit.h"

static void handler(struct http_exchange *x, void *context)
{
    (void)x;
    (void)context;
}

static const struct http_route routes[] = {
    { "GET", "/", ROUTE_OPEN, handler },
    { "GET", "/kbs/v1/keys", ROUTE_BEARER, handler, .needs = "KBS:keys:x" },
    { "POST", "/kbs/v1/keys", ROUTE_BEARER, handler, .needs = "KBS:keys:x" },
    { "GET", "/kbs/v1/keys/{id}", ROUTE_BEARER, handler, .needs = "KBS:keys:x" },
    { "DELETE", "/kbs/v1/keys/{id}", ROUTE_BEARER, handler, .needs = "KBS:keys:x" },
    { "POST", "/kbs/v1/keys/{id}/transfer", ROUTE_PROOF, handler },
    { "GET", "/kbs/v0/resource/{repository}/{type}/{tag}", ROUTE_PROOF, handler },
    { 0 },
};

static const struct {
    const char *method, *path;
    enum route_outcome wanted;
    int row;
    const char *param; /* the first one's value */
} rows[] = {
    { "GET", "/", ROUTE_FOUND, 0, NULL },
    { "GET", "/kbs/v1/keys", ROUTE_FOUND, 1, NULL },
    { "POST", "/kbs/v1/keys", ROUTE_FOUND, 2, NULL },
    { "GET", "/kbs/v1/keys/ab-1", ROUTE_FOUND, 3, "ab-1" },
    { "GET", "/kbs/v1/keys/a%20b%c3%a4+c", ROUTE_FOUND, 3, "a b\xc3\xa4+c" },
    { "GET", "/kbs/v1/keys/...", ROUTE_FOUND, 3, "..." },
    { "POST", "/kbs/v1/keys/x/transfer", ROUTE_FOUND, 5, "x" },
    { "GET", "/kbs/v0/resource/default/key/1", ROUTE_FOUND, 6, "default" },
    { "DELETE", "/kbs/v1/keys", ROUTE_OTHER_METHOD, 0, NULL },
    { "get", "/kbs/v1/keys", ROUTE_OTHER_METHOD, 0, NULL },
    { "", "/kbs/v1/keys", ROUTE_OTHER_METHOD, 0, NULL },
    { "GET", "", ROUTE_ABSENT, 0, NULL },
    { "GET", "kbs", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/", ROUTE_ABSENT, 0, NULL },
    { "GET", "//kbs/v1/keys", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs//v1/keys", ROUTE_ABSENT, 0, NULL },
    { "GET", "/KBS/v1/keys", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/%6beys", ROUTE_ABSENT, 0, NULL }, /* literal segments have one spelling */
    { "POST", "/kbs/v1/keys//transfer", ROUTE_ABSENT, 0, NULL },
    { "POST", "/kbs/v1/keys/x/transfer/", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v0/resource/a/b", ROUTE_ABSENT, 0, NULL },
    /* L19: the traversal corpus, plain, encoded once and twice */
    { "GET", "/kbs/v1/keys/.", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/..", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/%2e", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/%2E%2e", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/.%2e", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/%252e%252e", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/%252f", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/a%2fb", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/a%2Fb", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/..%2f..%2fetc", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/a%5cb", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/a\\b", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/a%00b", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/%", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/%4", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/%zz", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/a%0ab", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v1/keys/a%7f", ROUTE_ABSENT, 0, NULL },
    { "POST", "/kbs/v1/keys/../transfer", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v0/resource/a/../c", ROUTE_ABSENT, 0, NULL },
    { "GET", "/kbs/v0/resource/a/b/%2e%2e", ROUTE_ABSENT, 0, NULL },
};

static void test_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route_match m;
        enum route_outcome o = route_find(routes, rows[i].method, span_str(rows[i].path), &m);
        if (o != rows[i].wanted)
            fail_msg("%s %s: %d, not %d", rows[i].method, rows[i].path, (int)o,
                     (int)rows[i].wanted);
        if (o == ROUTE_FOUND)
            assert_ptr_equal(m.route, &routes[rows[i].row]);
        else
            assert_null(m.route);
        if (rows[i].param)
            assert_true(span_equal_str(buf_span(&m.params[0].value), rows[i].param));
        route_match_done(&m);
    }
}

static void test_params_and_methods(void **state)
{
    (void)state;
    struct route_match m;

    assert_int_equal(route_find(routes, "GET", SPAN("/kbs/v0/resource/r/t/x"), &m), ROUTE_FOUND);
    assert_int_equal(m.count, 3);
    assert_true(span_equal_str(m.params[1].name, "type"));
    assert_true(span_equal_str(buf_span(&m.params[2].value), "x"));
    route_match_done(&m);
    assert_int_equal(route_find(routes, "PUT", SPAN("/kbs/v1/keys/1"), &m), ROUTE_OTHER_METHOD);
    assert_int_equal(m.allowed_count, 2);
    assert_string_equal(m.allowed[0], "GET");
    assert_string_equal(m.allowed[1], "DELETE");
    route_match_done(&m);
}

static void test_table_without_tag_is_refused(void **state) /* L1 */
{
    (void)state;
    const struct http_route bad[][2] = {
        { { "GET", "/a", ROUTE_NONE, handler }, { 0 } },
        { { .method = "GET", .pattern = "/a", .handler = handler }, { 0 } },
        { { "GET", "/a", ROUTE_OPEN, NULL }, { 0 } },
        { { "GET", NULL, ROUTE_OPEN, handler }, { 0 } },
        { { "GET", "a", ROUTE_OPEN, handler }, { 0 } },
        { { "GET", "/a/", ROUTE_OPEN, handler }, { 0 } },
        { { "GET", "/{a}/{b}/{c}/{d}/{e}", ROUTE_OPEN, handler }, { 0 } },
        { { "GET", "/a", (enum route_auth)77, handler }, { 0 } },
        { { "GET", "/a", ROUTE_BEARER, handler }, { 0 } },
        { { "GET", "/a", ROUTE_BEARER, handler, .needs = "" }, { 0 } },
        { { "GET", "/a", ROUTE_OPEN, handler, .needs = "KBS:keys:create" }, { 0 } },
        { { "GET", "/a", ROUTE_PROOF, handler, .needs = "KBS:keys:create" }, { 0 } },
    };
    assert_ok(routes_check(routes));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(routes_check(bad[i]), FAIL_INPUT);
}

static void test_query(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name, *value; /* NULL: absent */
    } cases[] = {
        { "a=1&b=2", "a", "1" },
        { "a=1&b=2", "b", "2" },
        { "a=1&A=2", "a", "1" },
        { "a", "a", "" },
        { "a=", "a", "" },
        { "&&a=1&", "a", "1" },
        { "a=1+2%2B3", "a", "1 2+3" },
        { "%61=1", "a", "1" },
        { "a=b=c", "a", "b=c" },
        { "", "a", NULL },
        { "A=1", "a", NULL },
        { "ab=1", "a", NULL },
        { "fmspc=00906ED50000&type=platform", "type", "platform" },
    };
    static const char *const bad[] = { "a=%", "a=%4", "a=%zz", "a=%00", "%0=1" };
    static const char *const repeats[] = { "a=1&a=1", "a=1&b&%61=2" };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct query q = { 0 };
        struct span v;
        assert_ok(query_parse(span_str(cases[i].query), &q));
        assert_int_equal(query_find(&q, cases[i].name, &v), cases[i].value != NULL);
        assert_false(q.repeats);
        if (cases[i].value)
            assert_true(span_equal_str(v, cases[i].value));
        query_done(&q);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct query q = { 0 };
        assert_fails(query_parse(span_str(bad[i]), &q), FAIL_INPUT);
        query_done(&q);
    }
    for (size_t i = 0; i < sizeof(repeats) / sizeof(repeats[0]); i++) {
        struct query q = { 0 };
        struct span v;
        assert_ok(query_parse(span_str(repeats[i]), &q));
        assert_true(q.repeats && query_find(&q, "a", &v));
        assert_true(span_equal_str(v, "1"));
        query_done(&q);
    }
}

static void test_query_is_bounded(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(1024);
    struct query q = { 0 };

    for (int i = 0; i < QUERY_PAIRS_MAX; i++)
        buf_addf(&text, "a%d=1&", i);
    assert_ok(query_parse(buf_span(&text), &q));
    query_done(&q);
    buf_add_str(&text, "a=1");
    assert_fails(query_parse(buf_span(&text), &q), FAIL_INPUT);
    query_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_params_and_methods),
        cmocka_unit_test(test_table_without_tag_is_refused),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_query_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
