// SPDX-License-Identifier: Apache-2.0
/*
 * JSON texts (RFC 8259) into jansson's values. jansson's own parser takes a byte at a time through
 * three functions, which evidence, a text of ten kilobytes that each program reads, makes dear;
 * here the run of plain characters that most texts are is one step.
 */
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/reader.h"

#define NUMBER_MAX 64
#define UTF8_MAX 4
#define ROOM_MAX (4 * JSON_TEXT_MAX)

struct parse {
    struct reader r;
    unsigned depth;
    bool too_deep, starved;
};

static const bool blank[256] = { [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true };
static const bool plain[256] = { [' ' ... '!'] = true,
                                 ['#' ... '['] = true,
                                 [']' ... 0x7f] = true };
static const bool numeric[256] = {
    ['0' ... '9'] = true, ['-'] = true, ['+'] = true, ['.'] = true, ['e'] = true, ['E'] = true
};
static const bool digit[256] = { ['0' ... '9'] = true };

static json_t *read_value(struct parse *p);

static bool good(const struct parse *p)
{
    return !p->r.failed && !p->starved;
}

static json_t *made(struct parse *p, json_t *value)
{
    p->starved = p->starved || !value;
    return value;
}

static void skip_blank(struct parse *p)
{
    (void)reader_while(&p->r, blank);
}

static void expect(struct parse *p, uint8_t c)
{
    reader_require(&p->r, reader_u8(&p->r) == c);
}

static uint32_t read_hex4(struct reader *r)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        uint8_t c = reader_u8(r);
        int letter = c | 0x20;
        int d = c >= '0' && c <= '9'             ? c - '0'
                : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                                                 : -1;
        reader_require(r, d >= 0);
        v = v << 4 | (uint32_t)(d & 15);
    }
    return v;
}

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_u8(out, (uint8_t)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    buf_add_u8(out, (uint8_t)(lead[more] | c >> (6 * more)));
    while (more-- > 0)
        buf_add_u8(out, (uint8_t)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* The four digits are read; a high surrogate wants a low one behind it, and U+0000 has no place in
 * a text. */
static void read_code_unit(struct reader *r, struct buf *out)
{
    uint32_t c = read_hex4(r);

    if (c >= 0xd800 && c <= 0xdbff) {
        reader_require(r, reader_u8(r) == '\\');
        reader_require(r, reader_u8(r) == 'u');
        uint32_t low = read_hex4(r);
        reader_require(r, low >= 0xdc00 && low <= 0xdfff);
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else {
        reader_require(r, c != 0 && (c < 0xdc00 || c > 0xdfff));
    }
    if (!r->failed)
        add_utf8(out, c);
}

static void read_escape(struct reader *r, struct buf *out)
{
    static const char meaning[256] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                       ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };
    uint8_t c = reader_u8(r);

    if (c == 'u') {
        read_code_unit(r, out);
        return;
    }
    reader_require(r, meaning[c] != 0);
    buf_add_u8(out, (uint8_t)meaning[c]);
}

/* One character of two to four bytes, in its shortest form, not a surrogate (Unicode, table 3-7).
 */
static void read_utf8(struct reader *r, struct buf *out)
{
    uint8_t c = reader_u8(r),
            low = c == 0xe0   ? 0xa0
                  : c == 0xf0 ? 0x90
                              : 0x80,
            high = c == 0xed   ? 0x9f
                   : c == 0xf4 ? 0x8f
                               : 0xbf;
    int more = c >= 0xc2 && c <= 0xdf   ? 1
               : c >= 0xe0 && c <= 0xef ? 2
               : c >= 0xf0 && c <= 0xf4 ? 3
                                        : 0;

    reader_require(r, more > 0);
    buf_add_u8(out, c);
    for (int i = 0; i < more; i++) {
        uint8_t next = reader_u8(r);
        reader_require(r, next >= (i ? 0x80 : low) && next <= (i ? 0xbf : high));
        buf_add_u8(out, next);
    }
}

static void room_donep(struct buf *room)
{
    if (room->at)
        explicit_bzero(room->at, room->room);
    buf_done(room);
}

/* The text may be a secret: growing leaves no copy behind. */
static void make_room(struct buf *room, size_t more)
{
    if (room->len + more < room->room)
        return;
    struct buf larger = buf_of(room->max);
    if (buf_extend(&larger, 2 * (room->len + more)))
        buf_clear(&larger);
    buf_add(&larger, buf_span(room));
    room_donep(room);
    *room = larger;
}

/* Behind the opening quote. The span borrows from the text, or from `room` where the text has
 * escapes. */
static struct span read_text(struct parse *p, struct buf *room)
{
    struct span text = reader_while(&p->r, plain);

    if (reader_peek(&p->r) == '"') {
        (void)reader_u8(&p->r);
        return text;
    }
    while (!p->r.failed) {
        make_room(room, text.len + UTF8_MAX);
        buf_add(room, text);
        uint8_t c = reader_peek(&p->r);
        if (c == '"')
            break;
        if (c == '\\') {
            (void)reader_u8(&p->r);
            read_escape(&p->r, room);
        } else {
            read_utf8(&p->r, room);
        }
        text = reader_while(&p->r, plain);
    }
    (void)reader_u8(&p->r);
    p->starved = p->starved || room->failed;
    return p->r.failed ? (struct span){ 0 } : buf_span(room);
}

static const char *chars(struct span s)
{
    return s.len ? (const char *)s.at : "";
}

static json_t *read_string(struct parse *p)
{
    struct buf room owned(room_done) = buf_of(ROOM_MAX);

    expect(p, '"');
    struct span text = read_text(p, &room);
    return good(p) ? made(p, json_stringn_nocheck(chars(text), text.len)) : NULL;
}

static void read_member(struct parse *p, json_t *object)
{
    struct buf room owned(room_done) = buf_of(ROOM_MAX);

    expect(p, '"');
    struct span name = read_text(p, &room);
    reader_require(&p->r, good(p) && !json_object_getn(object, chars(name), name.len));
    skip_blank(p);
    expect(p, ':');
    skip_blank(p);
    json_t *value = good(p) ? read_value(p) : NULL;
    if (value && json_object_setn_new_nocheck(object, chars(name), name.len, value))
        p->starved = true;
}

static void read_item(struct parse *p, json_t *array)
{
    json_t *value = read_value(p);

    if (value && json_array_append_new(array, value))
        p->starved = true;
}

/* Behind the opening bracket: members or items, commas between them, up to `end`. */
static void read_list(struct parse *p, json_t *list, uint8_t end,
                      void (*read_one)(struct parse *p, json_t *list))
{
    skip_blank(p);
    if (reader_peek(&p->r) == end) {
        (void)reader_u8(&p->r);
        return;
    }
    for (uint8_t c = ','; c == ',' && good(p);) {
        skip_blank(p);
        read_one(p, list);
        skip_blank(p);
        c = reader_u8(&p->r);
        reader_require(&p->r, c == ',' || c == end);
    }
}

static json_t *read_nested(struct parse *p, bool object)
{
    if (p->depth == JSON_DEPTH_MAX) {
        p->too_deep = true;
        reader_require(&p->r, false);
        return NULL;
    }
    p->depth++;
    (void)reader_u8(&p->r);
    json_t *j owned(json_free) = made(p, object ? json_object() : json_array());
    if (j)
        read_list(p, j, object ? '}' : ']', object ? read_member : read_item);
    p->depth--;
    return good(p) ? TAKE(j) : NULL;
}

static size_t digits(struct reader *r)
{
    return reader_while(r, digit).len;
}

/* RFC 8259 section 6. */
static bool number_parse(struct span text, bool *real)
{
    struct reader r = reader_of(text);

    if (reader_peek(&r) == '-')
        (void)reader_u8(&r);
    bool zero = reader_peek(&r) == '0';
    size_t whole = digits(&r);
    bool fine = whole && (!zero || whole == 1);
    bool fraction = reader_peek(&r) == '.';
    if (fraction) {
        (void)reader_u8(&r);
        fine = digits(&r) && fine;
    }
    bool exponent = reader_peek(&r) == 'e' || reader_peek(&r) == 'E';
    if (exponent) {
        (void)reader_u8(&r);
        if (reader_peek(&r) == '+' || reader_peek(&r) == '-')
            (void)reader_u8(&r);
        fine = digits(&r) && fine;
    }
    *real = fraction || exponent;
    return fine && !r.rest.len;
}

static json_t *read_number(struct parse *p)
{
    struct span text = reader_while(&p->r, numeric);
    char digits_text[NUMBER_MAX] = "";
    bool real = false;

    reader_require(&p->r, text.len < sizeof digits_text && number_parse(text, &real));
    if (p->r.failed)
        return NULL;
    memcpy(digits_text, text.at, text.len);
    errno = 0;
    long long whole = real ? 0 : strtoll(digits_text, NULL, 10);
    double fraction = real ? strtod(digits_text, NULL) : 0;
    /* Too small for a double is zero; too large is nothing that we could mean. */
    reader_require(&p->r, errno != ERANGE || (real && fraction < 1 && fraction > -1));
    if (p->r.failed)
        return NULL;
    return made(p, real ? json_real(fraction) : json_integer(whole));
}

static json_t *read_word(struct parse *p)
{
    switch (reader_peek(&p->r)) {
    case 't':
        reader_require(&p->r, span_equal_str(reader_take(&p->r, 4), "true"));
        return json_true();
    case 'f':
        reader_require(&p->r, span_equal_str(reader_take(&p->r, 5), "false"));
        return json_false();
    default:
        reader_require(&p->r, span_equal_str(reader_take(&p->r, 4), "null"));
        return json_null();
    }
}

/* NULL with a failed reader, or where memory is short. */
static json_t *read_value(struct parse *p)
{
    uint8_t c = reader_peek(&p->r);

    switch (c) {
    case '{':
    case '[':
        return read_nested(p, c == '{');
    case '"':
        return read_string(p);
    case '-':
    case '0' ... '9':
        return read_number(p);
    default:
        return read_word(p);
    }
}

fallible json_parse(struct span text, json_t **out)
{
    struct parse p = { .r = reader_of(text) };

    if (text.len > JSON_TEXT_MAX)
        return FAIL(LIMIT, "JSON text is too long");
    skip_blank(&p);
    uint8_t first = reader_peek(&p.r);
    reader_require(&p.r, first == '{' || first == '[');
    json_t *j owned(json_free) = p.r.failed ? NULL : read_value(&p);
    skip_blank(&p);
    if (p.too_deep)
        return FAIL(LIMIT, "JSON is nested too deeply");
    TRY(reader_end(&p.r, "not JSON"));
    if (!j || p.starved)
        return FAIL(SYSTEM, "memory is short");
    *out = TAKE(j);
    return OK;
}
