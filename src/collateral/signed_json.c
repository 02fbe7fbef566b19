// SPDX-License-Identifier: Apache-2.0
#include "collateral/signed_json.h"

#include "base/hex.h"
#include "base/reader.h"

/* A cursor over the text: where it stands is text.len - r.rest.len. */
struct scanner {
    struct span text;
    struct reader r;
};

static size_t scanner_at(const struct scanner *s)
{
    return s->text.len - s->r.rest.len;
}

static uint8_t scanner_peek(const struct scanner *s)
{
    struct reader ahead = s->r;
    return reader_u8(&ahead);
}

static void skip_space(struct scanner *s)
{
    for (uint8_t c = scanner_peek(s); c == ' ' || c == '\t' || c == '\n' || c == '\r';
         c = scanner_peek(s))
        reader_u8(&s->r);
}

static void expect(struct scanner *s, uint8_t c)
{
    skip_space(s);
    reader_require(&s->r, reader_u8(&s->r) == c);
}

/* Inside a string all but its end, escapes and controls; outside, structure and strings are looked
 * at. */
static const bool in_string[256] = { [0x20 ... '!'] = true,
                                     ['#' ... '['] = true,
                                     [']' ... 0xff] = true };
static const bool of_no_interest[256] = {
    [1 ... '!'] = true, ['#' ... '*'] = true, [','] = true, ['/' ... 'Z'] = true,
    ['\\'] = true,      ['^' ... 'z'] = true, ['|'] = true, ['~' ... 0xff] = true
};

/* The rest of a string, whose opening quote is read; its raw text without the quotes. */
static struct span string_rest(struct scanner *s)
{
    size_t start = scanner_at(s);

    (void)reader_while(&s->r, in_string);
    for (uint8_t c = reader_u8(&s->r); !s->r.failed && c != '"'; c = reader_u8(&s->r)) {
        reader_require(&s->r, c == '\\');
        reader_u8(&s->r);
        (void)reader_while(&s->r, in_string);
    }
    if (s->r.failed)
        return (struct span){ 0 };
    return span_head(span_tail(s->text, start), scanner_at(s) - start - 1);
}

/* Outside strings these documents hold structure and plain unsigned integers: a sign or a point is
 * malformed. */
static bool fits_outside_strings(uint8_t c)
{
    return c != '-' && c != '+' && c != '.' && c != 0;
}

static struct span object_take(struct scanner *s)
{
    char closers[SIGNED_JSON_DEPTH_MAX];
    size_t depth = 0;

    skip_space(s);
    size_t start = scanner_at(s);
    reader_require(&s->r, scanner_peek(s) == '{');
    do {
        (void)reader_while(&s->r, of_no_interest);
        uint8_t c = reader_u8(&s->r);
        reader_require(&s->r, fits_outside_strings(c));
        if (c == '"') {
            string_rest(s);
        } else if (c == '{' || c == '[') {
            reader_require(&s->r, depth < SIGNED_JSON_DEPTH_MAX);
            if (s->r.failed)
                break;
            closers[depth++] = c == '{' ? '}' : ']';
        } else if (c == '}' || c == ']') {
            reader_require(&s->r, depth && closers[depth - 1] == c);
            if (s->r.failed)
                break;
            depth--;
        }
    } while (depth && !s->r.failed);
    if (s->r.failed)
        return (struct span){ 0 };
    return span_head(span_tail(s->text, start), scanner_at(s) - start);
}

fallible signed_json_split(struct span text, const char *member, struct signed_json *out)
{
    struct scanner s = { text, reader_of(text) };
    struct span inner = { 0 }, signature = { 0 };
    struct signed_json split = { 0 };

    expect(&s, '{');
    for (int i = 0; i < 2; i++) {
        if (i)
            expect(&s, ',');
        expect(&s, '"');
        struct span name = string_rest(&s);
        expect(&s, ':');
        if (!inner.len && span_equal_str(name, member)) {
            inner = object_take(&s);
        } else if (!signature.len && span_equal(name, SPAN("signature"))) {
            expect(&s, '"');
            signature = string_rest(&s);
        } else {
            return FAIL(INPUT, "signed document is not an object of its content and a signature");
        }
    }
    expect(&s, '}');
    skip_space(&s);
    TRY(reader_end(&s.r, "signed document is malformed"));
    if (failed(hex_parse_exact(signature, split.signature, sizeof(split.signature))))
        return FAIL(INPUT, "signature is not 128 hexadecimal digits");
    split.inner = inner;
    *out = split;
    return OK;
}
