// SPDX-License-Identifier: Apache-2.0
#include "http/request_head_internal.h"

#include "base/buf.h"
#include "http/chunked_internal.h"
#include "unit.h"

#define HEAD(text) "POST /a/b?q=1 HTTP/1.1\r\nHost: x\r\n" text "\r\n"

static void test_parses(void **state)
{
    (void)state;
    struct request_head h;
    struct refusal r = request_head_parse(
        SPAN("POST /kbs/v1/keys?limit=3&x HTTP/1.1\r\nHost: kbs:9443\r\nContent-Length: 12\r\n"
             "X-Thing: \t a b \t\r\nX-Thing: second\r\nEmpty:\r\nExpect: 100-Continue\r\n\r\n"),
        &h);

    assert_int_equal(r.status, 0);
    assert_string_equal(h.method, "POST");
    assert_true(span_equal_str(h.path, "/kbs/v1/keys"));
    assert_true(span_equal_str(h.query, "limit=3&x"));
    assert_int_equal(h.content_length, 12);
    assert_true(h.keep_alive);
    assert_true(h.expects_continue);
    assert_false(h.chunked);
    assert_true(span_equal_str(request_head_field(&h, "x-thing"), "a b"));
    assert_int_equal(request_head_field(&h, "Empty").len, 0);
    assert_int_equal(request_head_field(&h, "absent").len, 0);
}

static const struct {
    const char *name, *text;
    int status;
} rows[] = {
    { "good", HEAD(""), 0 },
    { "chunked", HEAD("Transfer-Encoding: Chunked\r\n"), 0 },
    { "LF only", "GET / HTTP/1.1\nHost: x\n\r\n\r\n", 400 },
    { "no version", "GET /\r\nHost: x\r\n\r\n", 400 },
    { "two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "space behind the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400 },
    { "HTTP/2", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
    { "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 400 },
    { "absolute target", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "target with a space char", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "target beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "method with a bad character", "GE{T / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "long method", "ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "no Host", "GET / HTTP/1.1\r\n\r\n", 400 },
    { "no Host in 1.0", "GET / HTTP/1.0\r\n\r\n", 0 },
    { "two Hosts", HEAD("Host: y\r\n"), 400 },
    { "space before the colon", HEAD("A : b\r\n"), 400 },
    { "folded line", HEAD("A: b\r\n c\r\n"), 400 },
    { "no colon", HEAD("Ab\r\n"), 400 },
    { "empty name", HEAD(": b\r\n"), 400 },
    { "CR in a value", HEAD("A: b\rc\r\n"), 400 },
    { "LF in a value", HEAD("A: b\nC: d\r\n"), 400 },
    { "DEL in a value", HEAD("A: b\x7f\r\n"), 400 },
    { "UTF-8 in a value", HEAD("A: \xc3\xa4\r\n"), 0 },
    { "two lengths", HEAD("Content-Length: 1\r\nContent-Length: 1\r\n"), 400 },
    { "length and coding", HEAD("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400 },
    { "two codings", HEAD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400 },
    { "other coding", HEAD("Transfer-Encoding: gzip, chunked\r\n"), 501 },
    { "coding in 1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "signed length", HEAD("Content-Length: +1\r\n"), 400 },
    { "negative length", HEAD("Content-Length: -1\r\n"), 400 },
    { "hex length", HEAD("Content-Length: 0x1\r\n"), 400 },
    { "list of lengths", HEAD("Content-Length: 1, 1\r\n"), 400 },
    { "empty length", HEAD("Content-Length:\r\n"), 400 },
    { "huge length", HEAD("Content-Length: 99999999999999999999\r\n"), 413 },
    { "other expectation", HEAD("Expect: wonders\r\n"), 417 },
    { "two tokens", HEAD("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400 },
    { "something behind the end", HEAD("") "GET / HTTP/1.1\r\n\r\n", 400 },
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct request_head h;
        struct refusal r = request_head_parse(span_str(rows[i].text), &h);
        if (r.status != rows[i].status)
            fail_msg("%s: %d, not %d", rows[i].name, r.status, rows[i].status);
    }
}

static void test_every_prefix_fails(void **state)
{
    (void)state;
    struct span all = SPAN("GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n");
    struct request_head h;

    for (size_t len = 0; len < all.len; len++)
        assert_int_not_equal(request_head_parse(span_head(all, len), &h).status, 0);
    assert_int_equal(request_head_parse(all, &h).status, 0);
}

static void test_nul_anywhere_fails(void **state)
{
    (void)state;
    const char text[] = "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
    struct request_head h;

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        char copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        copy[i] = '\0';
        assert_int_not_equal(request_head_parse(span_from(copy, sizeof(text) - 1), &h).status, 0);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = buf_of(2 * REQUEST_HEAD_MAX);
    struct request_head h;

    buf_add_str(&b, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < REQUEST_FIELDS_MAX - 1; i++)
        buf_addf(&b, "A%d: b\r\n", i);
    struct buf more owned(buf_done) = buf_of(2 * REQUEST_HEAD_MAX);
    buf_add(&more, buf_span(&b));
    buf_add_str(&more, "One-More: b\r\n\r\n");
    buf_add_str(&b, "\r\n");
    assert_int_equal(request_head_parse(buf_span(&b), &h).status, 0);
    assert_int_equal(request_head_parse(buf_span(&more), &h).status, 431);

    buf_clear(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    while (b.len < REQUEST_HEAD_MAX - 4)
        buf_add_u8(&b, 'a');
    buf_add_str(&b, "\r\n\r\n");
    assert_int_equal(request_head_parse(buf_span(&b), &h).status, 0);
    buf_drop_front(&b, 0);
    buf_clear(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    while (b.len < REQUEST_HEAD_MAX - 3)
        buf_add_u8(&b, 'a');
    buf_add_str(&b, "\r\n\r\n");
    assert_int_equal(request_head_parse(buf_span(&b), &h).status, 431);
}

static void test_connection(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {
        { HEAD(""), true },
        { HEAD("Connection: close\r\n"), false },
        { HEAD("Connection: TE, Close\r\n"), false },
        { HEAD("Connection: keep-alive\r\nConnection: close\r\n"), false },
        { HEAD("Connection: disclose\r\n"), true },
        { "GET / HTTP/1.0\r\n\r\n", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request_head h;
        assert_int_equal(request_head_parse(span_str(cases[i].text), &h).status, 0);
        assert_int_equal(h.keep_alive, cases[i].keep);
    }
}

static const struct {
    const char *text, *body;
    uint32_t wanted;
    size_t left;
} chunks[] = {
    { "0\r\n\r\n", "", FAIL_NONE, 0 },
    { "3\r\nabc\r\n0\r\n\r\n", "abc", FAIL_NONE, 0 },
    { "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nT: x\r\n\r\nNEXT", "abc0123456789", FAIL_NONE, 4 },
    { "3 \r\nabc\r\n0\r\n\r\n", "abc", FAIL_NONE, 0 },
    { "g\r\n", NULL, FAIL_INPUT, 0 },
    { "\r\n", NULL, FAIL_INPUT, 0 },
    { "-1\r\n", NULL, FAIL_INPUT, 0 },
    { "0x3\r\nabc\r\n", NULL, FAIL_INPUT, 0 },
    { " 3\r\nabc\r\n", NULL, FAIL_INPUT, 0 },
    { "3\nabc\r\n0\r\n\r\n", NULL, FAIL_INPUT, 0 },
    { "3\r\nabcd\r\n0\r\n\r\n", NULL, FAIL_INPUT, 0 },
    { "41\r\n", NULL, FAIL_LIMIT, 0 },
    { "ffffffffffff\r\n", NULL, FAIL_LIMIT, 0 },
    { "fffffffffffff\r\n", NULL, FAIL_INPUT, 0 },
    { "3f\r\n000000000000000000000000000000000000000000000000000000000000000\r\n2\r\n11\r\n", NULL, FAIL_LIMIT, 0 },
};

/* `step` bytes arrive at a time: whatever the pieces, the result is the same. */
static struct err feed(struct span text, size_t step, struct chunked *c, struct buf *in, struct buf *body)
{
    for (size_t at = 0; at < text.len; at += step) {
        buf_add(in, span_head(span_tail(text, at), step));
        TRY(chunked_feed(c, in, body));
    }
    return OK;
}

static void test_chunked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        for (size_t step = 1; step < 100; step += 7) {
            struct chunked c = { 0 };
            struct buf in owned(buf_done) = buf_of(1024), body owned(buf_done) = buf_of(64);
            struct err e = feed(span_str(chunks[i].text), step, &c, &in, &body);
            if (e.kind != chunks[i].wanted)
                fail_msg("row %zu, step %zu: %s", i, step, fail_kind_name(e.kind));
            if (failed(e))
                continue;
            assert_int_equal(c.state, CHUNK_DONE);
            assert_true(span_equal_str(buf_span(&body), chunks[i].body));
            assert_int_equal(in.len, chunks[i].left);
        }
    }
}

static void test_chunked_prefixes_are_not_done(void **state)
{
    (void)state;
    struct span all = SPAN("3\r\nabc\r\n2;e\r\nde\r\n0\r\nT: x\r\n\r\n");

    for (size_t len = 0; len < all.len; len++) {
        struct chunked c = { 0 };
        struct buf in owned(buf_done) = buf_of(1024), body owned(buf_done) = buf_of(64);
        assert_ok(feed(span_head(all, len), 5, &c, &in, &body));
        assert_int_not_equal(c.state, CHUNK_DONE);
    }
}

static void test_chunked_lines_are_bounded(void **state)
{
    (void)state;
    struct chunked c = { 0 };
    struct buf in owned(buf_done) = buf_of(4096), body owned(buf_done) = buf_of(64);

    buf_add_str(&in, "3;");
    while (in.len <= CHUNK_LINE_MAX + 1)
        buf_add_u8(&in, 'x');
    assert_fails(chunked_feed(&c, &in, &body), FAIL_INPUT);

    c = (struct chunked){ 0 };
    buf_clear(&in);
    buf_add_str(&in, "0\r\n");
    while (in.len <= CHUNK_TRAILERS_MAX + 20)
        buf_add_str(&in, "T: x\r\n");
    assert_fails(chunked_feed(&c, &in, &body), FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_every_prefix_fails),
        cmocka_unit_test(test_nul_anywhere_fails),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_chunked_prefixes_are_not_done),
        cmocka_unit_test(test_chunked_lines_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
