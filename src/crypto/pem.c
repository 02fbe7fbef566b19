// SPDX-License-Identifier: Apache-2.0
#include "crypto/pem_internal.h"

#include "base/base64.h"

#define PEM_SECRET_MAX (64U << 10)
#define LINE_LEN 64
#define PEM_TEXT_MAX (2U << 20)

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span skip_space(struct span s)
{
    while (s.len && is_space(s.at[0]))
        s = span_tail(s, 1);
    return s;
}

/* "-----BEGIN " label "-----". */
static fallible take_begin(struct span *rest, struct span *label)
{
    static const struct span begin = { (const uint8_t *)"-----BEGIN ", 11 };

    if (!span_starts(*rest, begin))
        return FAIL(INPUT, "PEM: something other than a block (RFC 7468 section 2)");
    *rest = span_tail(*rest, begin.len);
    size_t len = span_find(*rest, SPAN("-----"));
    if (len == rest->len || len == 0 || len > 64)
        return FAIL(INPUT, "PEM: bad first line");
    *label = span_head(*rest, len);
    *rest = span_tail(*rest, len + 5);
    return OK;
}

static fallible take_end(struct span *rest, struct span label)
{
    static const struct span end = { (const uint8_t *)"-----END ", 9 };

    if (!span_starts(*rest, end) || !span_starts(span_tail(*rest, end.len), label) ||
        !span_starts(span_tail(*rest, end.len + label.len), SPAN("-----")))
        return FAIL(INPUT, "PEM: last line does not match the first");
    *rest = span_tail(*rest, end.len + label.len + 5);
    return OK;
}

fallible pem_next(struct span *rest, struct pem_block *out)
{
    struct span s = skip_space(*rest);
    struct pem_block block = { 0 };

    TRY(take_begin(&s, &block.label));
    if (s.len == 0 || !is_space(s.at[0]))
        return FAIL(INPUT, "PEM: bad first line");
    size_t len = span_find(s, SPAN("-----"));
    block.body = span_head(s, len);
    s = span_tail(s, len);
    TRY(take_end(&s, block.label));
    if (s.len && !is_space(s.at[0]) && s.at[0] != '-' && s.at[0] != 0)
        return FAIL(INPUT, "PEM: bad last line");
    *rest = skip_space(s);
    *out = block;
    return OK;
}

/* The body without white space, into room of body.len bytes. */
static struct span compact(struct span body, uint8_t *to)
{
    size_t len = 0;

    for (size_t i = 0; i < body.len; i++) {
        if (!is_space(body.at[i]))
            to[len++] = body.at[i];
    }
    return span_from(to, len);
}

fallible pem_decode(const struct pem_block *block, struct buf *der)
{
    uint8_t *text owned(free) = malloc(block->body.len + 1);

    if (!text)
        return FAIL(SYSTEM, "memory is short");
    if (block->body.len > PEM_TEXT_MAX)
        return FAIL(LIMIT, "PEM: block too long");
    struct span digits = compact(block->body, text);
    if (digits.len == 0)
        return FAIL(INPUT, "PEM: empty block");
    return base64_parse(digits, der);
}

fallible pem_decode_secret(const struct pem_block *block, struct secret **out)
{
    struct secret *text owned(secret_free) = secret_new(block->body.len);
    struct buf der owned(buf_done) = buf_of(PEM_SECRET_MAX);

    if (block->body.len > PEM_SECRET_MAX)
        return FAIL(LIMIT, "PEM: block too long");
    if (!text)
        return FAIL(SYSTEM, "secure memory is exhausted");
    struct err e = base64_parse(compact(block->body, secret_fill(text)),
                                &der); /* one allocation, wiped below */
    struct secret *s = failed(e) ? NULL : secret_copy(buf_span(&der));
    wipe(der.at, der.room);
    TRY(e);
    if (!s)
        return FAIL(SYSTEM, "secure memory is exhausted");
    *out = s;
    return OK;
}

static void add_lines(struct buf *out, struct span base64)
{
    while (base64.len) {
        buf_add(out, span_head(base64, LINE_LEN));
        buf_add_u8(out, '\n');
        base64 = span_tail(base64, LINE_LEN);
    }
}

void pem_add(struct buf *out, const char *label, struct span der)
{
    struct buf text owned(buf_done) = buf_of(PEM_TEXT_MAX);

    base64_add(&text, der);
    buf_addf(out, "-----BEGIN %s-----\n", label);
    add_lines(out, buf_span(&text));
    buf_addf(out, "-----END %s-----\n", label);
    if (text.failed)
        out->failed = true;
}

fallible pem_from_secret(const char *label, const struct secret *der, struct secret **out)
{
    struct buf text owned(buf_done) = buf_of(PEM_SECRET_MAX),
                    lines owned(buf_done) = buf_of(PEM_SECRET_MAX);

    /* Room for all first: a buffer that grew would leave its smaller self behind. */
    if (!buf_extend(&lines, secret_len(der) * 3 / 2 + 256))
        return FAIL(LIMIT, "PEM: block too long");
    buf_clear(&lines);
    base64_add(&text, secret_expose(der));
    buf_addf(&lines, "-----BEGIN %s-----\n", label);
    add_lines(&lines, buf_span(&text));
    buf_addf(&lines, "-----END %s-----\n", label);
    struct secret *s = text.failed || lines.failed ? NULL : secret_copy(buf_span(&lines));
    wipe(text.at, text.room);
    wipe(lines.at, lines.room);
    if (!s)
        return FAIL(SYSTEM, "secure memory is exhausted");
    *out = s;
    return OK;
}
