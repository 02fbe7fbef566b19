// SPDX-License-Identifier: Apache-2.0
#include "http/request_head_internal.h"

#include <strings.h>

#define CONTENT_LENGTH_DIGITS 15

bool span_equal_nocase(struct span a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.at, b, a.len) == 0;
}

static bool all_of(struct span s, bool (*good)(uint8_t))
{
    for (size_t i = 0; i < s.len; i++)
        if (!good(s.at[i]))
            return false;
    return true;
}

static bool is_token_char(uint8_t c) /* RFC 9110 section 5.6.2 */
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_value_char(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool is_target_char(uint8_t c)
{
    return c > 0x20 && c < 0x7f && c != '#';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_token(struct span s)
{
    return s.len && all_of(s, is_token_char);
}

static struct span trim(struct span s)
{
    while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = span_tail(s, 1);
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s = span_head(s, s.len - 1);
    return s;
}

/* What comes before `mark`; `rest` goes on behind it, or becomes empty. */
static struct span cut(struct span *rest, struct span mark)
{
    size_t at = span_find(*rest, mark);
    struct span before = span_head(*rest, at);

    *rest = at < rest->len ? span_tail(*rest, at + mark.len) : span_tail(*rest, rest->len);
    return before;
}

struct span list_next(struct span *rest)
{
    return trim(cut(rest, SPAN(",")));
}

static bool is_version(struct span s) /* "HTTP/1.1" */
{
    return s.len == 8 && span_starts(s, SPAN("HTTP/")) && is_digit(s.at[5]) && s.at[6] == '.' &&
           is_digit(s.at[7]);
}

static struct refusal parse_request_line(struct span line, struct request_head *h)
{
    struct span rest = line;
    struct span method = cut(&rest, SPAN(" "));
    struct span target = cut(&rest, SPAN(" "));

    if (!is_token(method) || method.len > REQUEST_METHOD_MAX)
        return REFUSE(400, "malformed_request", "request line");
    if (!target.len || target.at[0] != '/' || !all_of(target, is_target_char))
        return REFUSE(400, "malformed_request", "request target");
    if (!is_version(rest))
        return REFUSE(400, "malformed_request", "request line");
    if (!span_equal(rest, SPAN("HTTP/1.1")) && !span_equal(rest, SPAN("HTTP/1.0")))
        return REFUSE(505, "http_version", "only HTTP/1.1 and 1.0");
    h->keep_alive = span_equal(rest, SPAN("HTTP/1.1"));
    memcpy(h->method, method.at, method.len);
    h->path = cut(&target, SPAN("?"));
    h->query = target;
    return NOT_REFUSED;
}

static struct refusal parse_field(struct span line, struct request_head *h)
{
    struct span rest = line;
    size_t colon = span_find(line, SPAN(":"));
    struct span name = cut(&rest, SPAN(":"));

    if (colon == line.len || !is_token(name) || !all_of(rest, is_value_char))
        return REFUSE(400, "malformed_request", "header field");
    if (h->count == REQUEST_FIELDS_MAX)
        return REFUSE(431, "header_too_large", "too many header fields");
    h->fields[h->count++] = (struct request_field){ name, trim(rest) };
    return NOT_REFUSED;
}

static size_t count_of(const struct request_head *h, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < h->count; i++)
        n += span_equal_nocase(h->fields[i].name, name);
    return n;
}

struct span request_head_field(const struct request_head *h, const char *name)
{
    for (size_t i = 0; i < h->count; i++)
        if (span_equal_nocase(h->fields[i].name, name))
            return h->fields[i].value;
    return (struct span){ 0 };
}

/* Two values of these would leave open which one counts. */
static struct refusal check_single(const struct request_head *h)
{
    static const char *const single[] = { "host",         "content-length", "transfer-encoding",
                                          "content-type", "expect",         "authorization",
                                          "warder-proof" };

    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
        if (count_of(h, single[i]) > 1)
            return REFUSE(400, "malformed_request", "a header field that may come once came twice");
    return NOT_REFUSED;
}

static struct refusal parse_content_length(struct span text, struct request_head *h)
{
    if (!text.len || !all_of(text, is_digit))
        return REFUSE(400, "malformed_request", "Content-Length");
    if (text.len > CONTENT_LENGTH_DIGITS)
        return REFUSE(413, "body_too_large", "the request's body is too large");
    for (size_t i = 0; i < text.len; i++)
        h->content_length = h->content_length * 10 + (text.at[i] - '0');
    return NOT_REFUSED;
}

/* RFC 9112 section 6: how long the body is. */
static struct refusal parse_framing(struct request_head *h, bool version_1_1)
{
    bool has_length = count_of(h, "content-length") > 0;
    bool has_encoding = count_of(h, "transfer-encoding") > 0;

    if (version_1_1 && count_of(h, "host") == 0)
        return REFUSE(400, "malformed_request", "Host is missing");
    if (has_encoding && (has_length || !version_1_1))
        return REFUSE(400, "malformed_request", "two lengths of one body");
    if (has_encoding) {
        if (!span_equal_nocase(request_head_field(h, "transfer-encoding"), "chunked"))
            return REFUSE(501, "transfer_encoding", "only chunked");
        h->chunked = true;
    }
    if (has_length)
        return parse_content_length(request_head_field(h, "content-length"), h);
    return NOT_REFUSED;
}

static struct refusal parse_connection(struct request_head *h, bool version_1_1)
{
    for (size_t i = 0; i < h->count; i++) {
        if (!span_equal_nocase(h->fields[i].name, "connection"))
            continue;
        struct span rest = h->fields[i].value;
        while (rest.len) {
            struct span option = list_next(&rest);
            if (span_equal_nocase(option, "close"))
                h->keep_alive = false;
        }
    }
    struct span expect = request_head_field(h, "expect");
    if (expect.len && !span_equal_nocase(expect, "100-continue"))
        return REFUSE(417, "expectation", "only 100-continue");
    h->expects_continue = expect.len && version_1_1;
    return NOT_REFUSED;
}

static struct refusal parse_all(struct span text, struct request_head *h)
{
    struct span rest = text;
    struct refusal r = parse_request_line(cut(&rest, SPAN("\r\n")), h);
    bool version_1_1 = h->keep_alive;

    while (!r.status && rest.len) {
        struct span line = cut(&rest, SPAN("\r\n"));
        if (!line.len)
            break;
        r = parse_field(line, h);
    }
    if (!r.status && rest.len)
        r = REFUSE(400, "malformed_request", "head");
    if (!r.status)
        r = check_single(h);
    if (!r.status)
        r = parse_framing(h, version_1_1);
    if (!r.status)
        r = parse_connection(h, version_1_1);
    return r;
}

struct refusal request_head_parse(struct span text, struct request_head *out)
{
    if (text.len > REQUEST_HEAD_MAX)
        return REFUSE(431, "header_too_large", "the request's head is too large");
    if (text.len < 4 || !span_equal(span_tail(text, text.len - 4), SPAN("\r\n\r\n")))
        return REFUSE(400, "malformed_request", "head");
    memset(out, 0, sizeof(*out));
    struct refusal r = parse_all(text, out);
    if (r.status)
        memset(out, 0, sizeof(*out));
    return r;
}
