// SPDX-License-Identifier: Apache-2.0
/* A strict reader of the one JSON text that holds a key. jansson would leave its copies in the
 * heap. */
#include "keys/vault_internal.h"

#include "base/hex.h"
#include "base/reader.h"

#define OURS "key"
#define NUMBER_DIGITS_MAX 10

/* Where no field is named: the first of these, or the only field. */
static const char *const usual[] = { OURS, "private_key" };
#define USUAL (sizeof usual / sizeof usual[0])

struct field {
    bool seen, text;
    struct span raw; /* between the quotes */
};

struct search {
    struct span folder; /* "data", or "auth" */
    unsigned level;     /* members of that name to go through */
    bool entered[2];    /* "data" was there; a second one fails */
    struct span wanted;
    unsigned fields; /* seen */
    struct field named, usual[USUAL], last;
};

static void walk_value(struct reader *r, unsigned depth);

static uint8_t peek(const struct reader *r)
{
    return r->rest.len ? r->rest.at[0] : 0;
}

static void skip_space(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
        (void)reader_u8(r);
}

static void expect(struct reader *r, uint8_t c)
{
    skip_space(r);
    reader_require(r, reader_u8(r) == c);
}

static unsigned take_hex(struct reader *r)
{
    int value = hex_digit(reader_u8(r));

    reader_require(r, value >= 0);
    return value < 0 ? 0 : (unsigned)value;
}

/* The character after a backslash; 0x80 for all that is not ASCII. */
static uint8_t take_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = reader_u8(r);
    unsigned code = 0;

    if (c != 'u') {
        const char *at = c ? strchr(from, c) : NULL;
        reader_require(r, at != NULL);
        return at ? (uint8_t)to[at - from] : 0;
    }
    for (int i = 0; i < 4; i++)
        code = code << 4 | take_hex(r);
    return code < 0x80 ? (uint8_t)code : 0x80;
}

/* Raw, without its quotes; escapes are checked. */
static struct span take_string(struct reader *r)
{
    expect(r, '"');
    struct span start = r->rest;
    while (!r->failed) {
        uint8_t c = reader_u8(r);

        if (c == '"')
            return span_head(start, start.len - r->rest.len - 1);
        if (c == '\\')
            (void)take_escape(r);
        reader_require(r, c >= 0x20);
    }
    return (struct span){ 0 };
}

/* Into room of raw.len bytes; 0 where something is not ASCII text. */
static size_t decode(struct span raw, uint8_t *to)
{
    struct reader r = reader_of(raw);
    size_t len = 0;

    while (r.rest.len && !r.failed) {
        uint8_t c = reader_u8(&r);

        if (c == '\\')
            c = take_escape(&r);
        if (c >= 0x7f || (c < 0x20 && c != '\n' && c != '\r' && c != '\t'))
            return 0;
        to[len++] = c;
    }
    return r.failed ? 0 : len;
}

static bool named(struct span raw, struct span name)
{
    uint8_t text[VAULT_FIELD_MAX * 6];

    return raw.len <= sizeof text && span_equal(span_from(text, decode(raw, text)), name);
}

/* Calls `member` with the reader at each value. */
typedef void on_member(struct reader *r, struct span name, unsigned depth, struct search *s);

static void walk_object(struct reader *r, unsigned depth, on_member *member, struct search *s)
{
    expect(r, '{');
    reader_require(r, depth < VAULT_DEPTH_MAX);
    skip_space(r);
    if (peek(r) == '}') {
        (void)reader_u8(r);
        return;
    }
    while (!r->failed) {
        struct span name = take_string(r);
        expect(r, ':');
        skip_space(r);
        member(r, name, depth + 1, s);
        skip_space(r);
        uint8_t c = reader_u8(r);
        if (c == '}')
            return;
        reader_require(r, c == ',');
    }
}

static void pass_member(struct reader *r, struct span name, unsigned depth, struct search *s)
{
    (void)name;
    (void)s;
    walk_value(r, depth);
}

static void walk_array(struct reader *r, unsigned depth)
{
    expect(r, '[');
    reader_require(r, depth < VAULT_DEPTH_MAX);
    skip_space(r);
    if (peek(r) == ']') {
        (void)reader_u8(r);
        return;
    }
    while (!r->failed) {
        walk_value(r, depth + 1);
        skip_space(r);
        uint8_t c = reader_u8(r);
        if (c == ']')
            return;
        reader_require(r, c == ',');
    }
}

static void walk_literal(struct reader *r, const char *word)
{
    for (; *word; word++)
        reader_require(r, reader_u8(r) == (uint8_t)*word);
}

static void walk_digits(struct reader *r)
{
    reader_require(r, peek(r) >= '0' && peek(r) <= '9');
    while (peek(r) >= '0' && peek(r) <= '9')
        (void)reader_u8(r);
}

static void walk_number(struct reader *r)
{
    if (peek(r) == '-')
        (void)reader_u8(r);
    walk_digits(r);
    if (peek(r) == '.') {
        (void)reader_u8(r);
        walk_digits(r);
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        (void)reader_u8(r);
        if (peek(r) == '+' || peek(r) == '-')
            (void)reader_u8(r);
        walk_digits(r);
    }
}

static void walk_value(struct reader *r, unsigned depth)
{
    skip_space(r);
    switch (peek(r)) {
    case '{':
        walk_object(r, depth, pass_member, NULL);
        return;
    case '[':
        walk_array(r, depth);
        return;
    case '"':
        (void)take_string(r);
        return;
    case 't':
        walk_literal(r, "true");
        return;
    case 'f':
        walk_literal(r, "false");
        return;
    case 'n':
        walk_literal(r, "null");
        return;
    default:
        walk_number(r);
    }
}

static void keep(struct reader *r, struct field *to, const struct field *seen)
{
    reader_require(r, !to->seen); /* twice */
    *to = *seen;
}

static void see_field(struct reader *r, struct span name, unsigned depth, struct search *s)
{
    struct field seen = { .seen = true, .text = peek(r) == '"' };

    struct span start = r->rest;
    if (seen.text) {
        seen.raw = take_string(r);
    } else {
        walk_value(r, depth);
        seen.raw = span_head(start, start.len - r->rest.len);
    }
    s->fields++;
    s->last = seen;
    if (s->wanted.len && named(name, s->wanted))
        keep(r, &s->named, &seen);
    for (size_t i = 0; i < USUAL; i++) {
        if (named(name, span_str(usual[i])))
            keep(r, &s->usual[i], &seen);
    }
}

static const struct field *choose(const struct search *s)
{
    if (s->wanted.len)
        return &s->named;
    for (size_t i = 0; i < USUAL; i++) {
        if (s->usual[i].seen)
            return &s->usual[i];
    }
    return s->fields == 1 ? &s->last : &s->named;
}

static void see_data(struct reader *r, struct span name, unsigned depth, struct search *s)
{
    unsigned at = depth - 1; /* the outermost object's members have depth 1 */

    if (!named(name, s->folder)) {
        walk_value(r, depth);
        return;
    }
    reader_require(r, !s->entered[at]);
    s->entered[at] = true;
    walk_object(r, depth, depth < s->level ? see_data : see_field, s);
}

static fallible copy_text(struct span raw, struct secret **out)
{
    struct secret *text owned(secret_free) = secret_new(raw.len);

    if (!text)
        return raw.len > SECRET_MAX ? FAIL(LIMIT, "a field in Vault that is too long for a key")
                                    : FAIL(SYSTEM, "secure memory exhausted");
    size_t len = decode(raw, secret_fill(text));
    if (!len)
        return FAIL(INPUT, "the field in Vault is not the text of a key");
    secret_shorten(text, len);
    *out = TAKE(text);
    return OK;
}

static fallible search(struct span reply, struct search *s)
{
    struct reader r = reader_of(reply);

    if (reply.len > VAULT_REPLY_MAX)
        return FAIL(LIMIT, "a secret in Vault that is too large");
    walk_object(&r, 0, see_data, s);
    skip_space(&r);
    return reader_end(&r, "Vault's answer");
}

fallible vault_value_parse(struct span reply, unsigned level, struct span field,
                           struct secret **out)
{
    struct search s = { .folder = SPAN("data"), .level = level, .wanted = field };
    struct err e = search(reply, &s);

    if (e.kind == FAIL_LIMIT)
        return e;
    if (failed(e) || !s.entered[level - 1])
        return FAIL(UPSTREAM, "Vault's answer is not one to a read of a KV store of this version");
    const struct field *f = choose(&s);
    if (!f->seen)
        return FAIL(ABSENT, "the secret in Vault has no such field; name one as PATH#FIELD");
    return f->text ? copy_text(f->raw, out) : FAIL(INPUT, "the field in Vault is not text");
}

static fallible find(struct span reply, const char *folder, const char *field, struct field *out)
{
    struct search s = { .folder = span_str(folder), .level = 1, .wanted = span_str(field) };

    if (failed(search(reply, &s)) || !s.entered[0])
        return FAIL(UPSTREAM, "Vault's answer is not understood");
    if (!s.named.seen)
        return FAIL(ABSENT, "Vault's answer lacks a member");
    *out = s.named;
    return OK;
}

fallible vault_text_parse(struct span reply, const char *folder, const char *field,
                          struct secret **out)
{
    struct field f;

    TRY(find(reply, folder, field, &f));
    return f.text ? copy_text(f.raw, out) : FAIL(UPSTREAM, "Vault's answer is not understood");
}

fallible vault_raw_find(struct span reply, const char *folder, const char *field, struct span *out)
{
    struct field f;

    TRY(find(reply, folder, field, &f));
    *out = f.raw;
    return OK;
}

bool vault_number_find(struct span reply, const char *folder, const char *field, uint64_t *out)
{
    struct span raw;
    uint64_t n = 0;

    if (failed(vault_raw_find(reply, folder, field, &raw)) || !raw.len ||
        raw.len > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.at[i] < '0' || raw.at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(raw.at[i] - '0');
    }
    *out = n;
    return true;
}
