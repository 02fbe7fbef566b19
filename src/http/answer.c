// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "http/exchange_internal.h"
#include "http/problem.h"
#include "http/status_internal.h"

static bool header_text_good(const char *s)
{
    for (; *s; s++)
        if ((uint8_t)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

void http_answer_header(struct http_exchange *x, const char *name, const char *value)
{
    if (!header_text_good(name) || !header_text_good(value)) {
        x->headers_bad = true; /* a line break here would be a second answer: 500 instead */
        return;
    }
    if (strcasecmp(name, "Cache-Control") == 0)
        x->cacheable = true;
    buf_addf(&x->headers, "%s: %s\r\n", name, value);
}

static void add_date(struct buf *out) /* RFC 9110 section 6.6.1 */
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)clock_now();
    struct tm t;

    if (!gmtime_r(&now, &t))
        return;
    buf_addf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * t.tm_wday,
             t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static bool write_answer(struct http_exchange *x, int status, const char *content_type,
                         struct span body)
{
    struct buf *out = x->out;
    bool has_length = status != 204 && status != 304;

    buf_addf(out, "HTTP/1.1 %d %s\r\n", status, status_text(status));
    add_date(out);
    buf_addf(out, "X-Request-Id: %s\r\n", x->id);
    if (!x->cacheable)
        buf_add(out, SPAN("Cache-Control: no-store\r\n"));
    buf_add(out, SPAN("X-Content-Type-Options: nosniff\r\n"));
    if (content_type)
        buf_addf(out, "Content-Type: %s\r\n", content_type);
    if (has_length)
        buf_addf(out, "Content-Length: %zu\r\n", body.len);
    if (x->last)
        buf_add(out, SPAN("Connection: close\r\n"));
    buf_add(out, buf_span(&x->headers));
    buf_add(out, SPAN("\r\n"));
    if (has_length && !x->head_only)
        buf_add(out, body);
    return !failed(buf_check(out));
}

static void answer_plain_500(struct http_exchange *x)
{
    buf_clear(x->out);
    buf_done(&x->headers);
    x->headers_bad = false;
    x->last = true;
    if (!write_answer(x, 500, NULL, (struct span){ 0 }))
        buf_clear(x->out); /* not even that: the connection just ends */
}

void http_answer(struct http_exchange *x, int status, const char *content_type, struct span body)
{
    assert(!x->answered);
    x->answered = true;
    if (content_type && !header_text_good(content_type))
        x->headers_bad = true;
    if (x->headers_bad || failed(buf_check(&x->headers)) ||
        !write_answer(x, status, content_type, body))
        answer_plain_500(x);
}

static void answer_json_as(struct http_exchange *x, int status, const char *content_type,
                           json_t *body)
{
    owned(json_free) json_t *mine = body;
    char *text owned(free) = mine ? json_text(mine) : NULL;

    if (text)
        http_answer(x, status, content_type, span_str(text));
    else
        http_answer(x, 500, NULL, (struct span){ 0 });
}

void http_answer_json(struct http_exchange *x, int status, json_t *body)
{
    answer_json_as(x, status, "application/json", body);
}

void http_answer_empty(struct http_exchange *x, int status)
{
    http_answer(x, status, NULL, (struct span){ 0 });
}

void http_answer_problem_json(struct http_exchange *x, int status, json_t *problem)
{
    if (status == 503 || status == 429)
        http_answer_header(x, "Retry-After", "1");
    answer_json_as(x, status, "application/problem+json", problem);
}

void http_answer_problem(struct http_exchange *x, int status, const char *code, const char *detail)
{
    http_answer_problem_json(x, status, problem_json(status, code, detail, x->id));
}

void http_answer_invalid(struct http_exchange *x, const char *code, const char *detail,
                         json_t *errors)
{
    json_t *problem = problem_json(400, code, detail, x->id);

    if (errors)
        json_object_set_new(problem, "errors", errors);
    http_answer_problem_json(x, 400, problem);
}

void http_answer_failure(struct http_exchange *x, struct err e, const char *code)
{
    http_answer_problem(x, problem_status(e), code, e.what);
}
