// SPDX-License-Identifier: Apache-2.0
#include "collateral/signed_tree.h"

#include <stdlib.h>

#define ROOM_FIRST 256

struct parse {
    struct reader r;
    struct tree tree;
    unsigned depth;
    bool starved, too_much;
};

static const bool blank[256] = { [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true };
static const bool plain[256] = { [' ' ... '!'] = true,
                                 ['#' ... '['] = true,
                                 [']' ... 0xff] = true };
static const bool digit[256] = { ['0' ... '9'] = true };

static void skip_blank(struct parse *p)
{
    if (blank[reader_peek(&p->r)])
        (void)reader_while(&p->r, blank);
}

static void expect(struct parse *p, uint8_t c)
{
    reader_require(&p->r, reader_u8(&p->r) == c);
}

static void limit(struct parse *p, bool ok)
{
    p->too_much = p->too_much || !ok;
    reader_require(&p->r, ok);
}

/* Its place; 0 with a failed reader. */
static size_t add(struct parse *p, struct span name, enum tree_kind kind)
{
    struct tree *t = &p->tree;

    limit(p, t->count < TREE_VALUES_MAX);
    if (t->count == t->room && !p->r.failed) {
        size_t room = t->room ? 2 * t->room : ROOM_FIRST;
        struct tree_value *values = reallocarray(t->values, room, sizeof(*values));
        p->starved = p->starved || !values;
        reader_require(&p->r, values);
        if (values) {
            t->values = values;
            t->room = room;
        }
    }
    if (p->r.failed)
        return 0;
    t->values[t->count] = (struct tree_value){ .name = name, .kind = kind, .size = 1 };
    return t->count++;
}

/* Between the quotes, as written. */
static struct span read_quoted(struct parse *p)
{
    expect(p, '"');
    struct reader start = p->r;
    size_t len = reader_while(&p->r, plain).len;

    for (uint8_t c = reader_u8(&p->r); !p->r.failed && c != '"'; c = reader_u8(&p->r)) {
        static const bool escaped[256] = {
            ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true, ['f'] = true,
            ['n'] = true, ['r'] = true,  ['t'] = true, ['u'] = true
        };
        reader_require(&p->r, c == '\\' && escaped[reader_u8(&p->r)]);
        len += 2 + reader_while(&p->r, plain).len;
    }
    return p->r.failed ? (struct span){ 0 } : reader_take(&start, len);
}

static void read_value(struct parse *p, struct span name);

static bool name_is_new(const struct tree *t, size_t owner, struct span name)
{
    const struct tree_value *v = &t->values[owner + 1], *end = &t->values[t->count];

    for (; v < end; v += v->size)
        if (span_equal(v->name, name))
            return false;
    return true;
}

static void read_member(struct parse *p, size_t owner)
{
    struct span name = read_quoted(p);

    reader_require(&p->r, span_find(name, SPAN("\\")) == name.len);
    limit(p, p->r.failed || p->tree.values[owner].count < TREE_MEMBERS_MAX);
    reader_require(&p->r, !p->r.failed && name_is_new(&p->tree, owner, name));
    skip_blank(p);
    expect(p, ':');
    skip_blank(p);
    read_value(p, name);
}

static void read_nested(struct parse *p, struct span name, bool object)
{
    size_t owner = add(p, name, object ? TREE_OBJECT : TREE_LIST);
    uint8_t end = object ? '}' : ']';

    limit(p, p->depth++ < TREE_DEPTH_MAX);
    (void)reader_u8(&p->r);
    skip_blank(p);
    bool empty = reader_peek(&p->r) == end;
    if (empty)
        (void)reader_u8(&p->r);
    for (uint8_t c = ','; !empty && c == ',' && !p->r.failed;) {
        skip_blank(p);
        if (object)
            read_member(p, owner);
        else
            read_value(p, (struct span){ 0 });
        if (!p->r.failed)
            p->tree.values[owner].count++;
        skip_blank(p);
        c = reader_u8(&p->r);
        reader_require(&p->r, c == ',' || c == end);
    }
    p->depth--;
    if (!p->r.failed)
        p->tree.values[owner].size = (uint32_t)(p->tree.count - owner);
}

static size_t read_digits(struct parse *p)
{
    size_t len = reader_while(&p->r, digit).len;
    reader_require(&p->r, len);
    return len;
}

/* RFC 8259 section 6. */
static void read_number(struct parse *p, struct span name)
{
    struct reader start = p->r;
    size_t place = add(p, name, TREE_NUMBER), before = p->r.rest.len;

    if (reader_peek(&p->r) == '-')
        (void)reader_u8(&p->r);
    bool zero = reader_peek(&p->r) == '0';
    size_t whole = read_digits(p);
    reader_require(&p->r, !zero || whole == 1);
    if (reader_peek(&p->r) == '.') {
        (void)reader_u8(&p->r);
        (void)read_digits(p);
    }
    if ((reader_peek(&p->r) | 0x20) == 'e') {
        (void)reader_u8(&p->r);
        if (reader_peek(&p->r) == '+' || reader_peek(&p->r) == '-')
            (void)reader_u8(&p->r);
        (void)read_digits(p);
    }
    if (!p->r.failed)
        p->tree.values[place].text = reader_take(&start, before - p->r.rest.len);
}

static void read_word(struct parse *p, struct span name)
{
    static const char *const words[] = { "true", "false", "null" };
    bool found = false;

    for (size_t i = 0; i < 3 && !found; i++) {
        found = span_starts(p->r.rest, span_str(words[i]));
        if (found)
            reader_take(&p->r, strlen(words[i]));
    }
    reader_require(&p->r, found);
    (void)add(p, name, TREE_WORD);
}

static void read_value(struct parse *p, struct span name)
{
    uint8_t c = reader_peek(&p->r);

    if (p->r.failed)
        return;
    if (c == '{' || c == '[') {
        read_nested(p, name, c == '{');
    } else if (c == '"') {
        size_t place = add(p, name, TREE_TEXT);
        struct span text = read_quoted(p);
        if (!p->r.failed)
            p->tree.values[place].text = text;
    } else if (c == '-' || digit[c]) {
        read_number(p, name);
    } else {
        read_word(p, name);
    }
}

void tree_done(struct tree *t)
{
    free(t->values);
    *t = (struct tree){ 0 };
}

fallible tree_parse(struct span text, struct tree *out)
{
    struct parse p = { .r = reader_of(text) };
    struct tree made owned(tree_done) = { 0 };

    if (text.len > TREE_TEXT_MAX)
        return FAIL(LIMIT, "signed document is too long");
    skip_blank(&p);
    reader_require(&p.r, reader_peek(&p.r) == '{');
    read_value(&p, (struct span){ 0 });
    skip_blank(&p);
    made = p.tree;
    if (p.starved)
        return FAIL(SYSTEM, "out of memory");
    if (p.too_much)
        return FAIL(LIMIT, "signed document is nested too deeply or has too many values");
    TRY(reader_end(&p.r, "not JSON"));
    *out = made;
    made = (struct tree){ 0 };
    return OK;
}

const struct tree_value *tree_root(const struct tree *t)
{
    return t->values;
}

const struct tree_value *tree_next(const struct tree_value *owner, const struct tree_value *last,
                                   uint32_t *place)
{
    *place = last ? *place + 1 : 0;
    if (*place >= owner->count)
        return NULL;
    return last ? last + last->size : owner + 1;
}

const struct tree_value *tree_member(const struct tree_value *owner, const char *name)
{
    uint32_t place = 0;

    if (owner->kind != TREE_OBJECT)
        return NULL;
    for (const struct tree_value *v = tree_next(owner, NULL, &place); v;
         v = tree_next(owner, v, &place))
        if (span_equal_str(v->name, name))
            return v;
    return NULL;
}

bool tree_text(const struct tree_value *v, struct span *out)
{
    static const bool fine[256] = { [' ' ... '['] = true, [']' ... '~'] = true };
    struct reader r = reader_of(v->text);

    if (v->kind != TREE_TEXT || reader_while(&r, fine).len != v->text.len)
        return false;
    *out = v->text;
    return true;
}

static struct err wrong(const char *what)
{
    return (struct err){ .kind = FAIL_INPUT, .what = what };
}

fallible tree_get(const struct tree_value *owner, const char *name, enum tree_kind kind,
                  const char *what, const struct tree_value **out)
{
    const struct tree_value *v = tree_member(owner, name);

    if (!v || v->kind != kind)
        return wrong(what);
    *out = v;
    return OK;
}

fallible tree_get_text(const struct tree_value *owner, const char *name, const char *what,
                       struct span *out)
{
    const struct tree_value *v = tree_member(owner, name);

    return v && tree_text(v, out) ? OK : wrong(what);
}

fallible tree_get_u64(const struct tree_value *owner, const char *name, uint64_t max,
                      const char *what, uint64_t *out)
{
    const struct tree_value *v = tree_member(owner, name);
    uint64_t number = 0;

    if (!v || v->kind != TREE_NUMBER || v->text.len > 18)
        return wrong(what);
    struct reader r = reader_of(v->text);
    struct span digits = reader_while(&r, digit);
    if (r.rest.len)
        return wrong(what);
    for (size_t i = 0; i < digits.len; i++)
        number = 10 * number + (uint64_t)(digits.at[i] - '0');
    if (number > max)
        return wrong(what);
    *out = number;
    return OK;
}
