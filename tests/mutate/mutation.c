// SPDX-License-Identifier: Apache-2.0
#include "mutation.h"

#define BLOCK_MAX 64

/* splitmix64. */
uint64_t dice_roll(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

struct dice dice_of(uint64_t seed, uint64_t number)
{
    struct dice d = { seed };
    uint64_t start = dice_roll(&d);

    d.state = start ^ number * 0xd1342543de82ef95ULL;
    (void)dice_roll(&d);
    return d;
}

size_t dice_below(struct dice *d, size_t limit)
{
    return (size_t)(dice_roll(d) % limit);
}

/* Where one looks first: white space, digits, the ends of the range, and what a length or a count
 * may be. */
static uint8_t telling_byte(struct dice *d)
{
    static const uint8_t bytes[] = { 0,    1,    2,    3,    4,   5,    6,    7,    0x7f,
                                     0x80, 0x81, 0xfe, 0xff, ' ', '\n', '\r', '\t', '"',
                                     '\\', '{',  '}',  '[',  ']', ',',  ':',  '0',  '9',
                                     'A',  'a',  'f',  'F',  '-', '=',  '+',  '/',  0x30 };
    return bytes[dice_below(d, sizeof(bytes))];
}

static void flip_bit(struct dice *d, struct buf *b)
{
    b->at[dice_below(d, b->len)] ^= (uint8_t)(1U << dice_below(d, 8));
}

static void set_byte(struct dice *d, struct buf *b)
{
    b->at[dice_below(d, b->len)] = telling_byte(d);
}

static void overwrite(struct dice *d, struct buf *b)
{
    size_t at = dice_below(d, b->len), len = 1 + dice_below(d, BLOCK_MAX);

    for (size_t i = at; i < b->len && i < at + len; i++)
        b->at[i] = (uint8_t)dice_roll(d);
}

/* A little-endian number becomes a bit more, a bit less, or an end of its range. */
static void shift_number(struct dice *d, struct buf *b)
{
    size_t size = 2U << dice_below(d, 2);

    if (b->len < size)
        return;
    uint8_t *at = b->at + dice_below(d, b->len - size + 1);
    uint32_t v = 0;
    for (size_t i = size; i-- > 0;)
        v = v << 8 | at[i];
    static const uint32_t ends[] = { 0, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff };
    v = dice_below(d, 3) ? v + (uint32_t)dice_below(d, 9) - 4 : ends[dice_below(d, 7)];
    for (size_t i = 0; i < size; i++, v >>= 8)
        at[i] = (uint8_t)v;
}

static void remake(struct buf *b, struct span a, struct span middle, struct span c)
{
    struct buf made = buf_of(b->max);

    buf_add(&made, a);
    buf_add(&made, middle);
    buf_add(&made, c);
    buf_done(b);
    *b = made;
}

static void cut_block(struct dice *d, struct buf *b)
{
    struct span all = buf_span(b);
    size_t at = dice_below(d, b->len), len = 1 + dice_below(d, BLOCK_MAX);

    remake(b, span_head(all, at), (struct span){ 0 },
           span_tail(all, at + len < all.len ? at + len : all.len));
}

static void double_block(struct dice *d, struct buf *b)
{
    struct span all = buf_span(b);
    size_t at = dice_below(d, b->len), len = 1 + dice_below(d, BLOCK_MAX),
           to = dice_below(d, b->len);

    remake(b, span_head(all, to), span_head(span_tail(all, at), len), span_tail(all, to));
}

static void insert_byte(struct dice *d, struct buf *b)
{
    struct span all = buf_span(b);
    size_t at = dice_below(d, b->len + 1);
    uint8_t byte = telling_byte(d);

    remake(b, span_head(all, at), span_from(&byte, 1), span_tail(all, at));
}

static void cut_end(struct dice *d, struct buf *b)
{
    struct span all = buf_span(b);
    remake(b, span_head(all, dice_below(d, b->len)), (struct span){ 0 }, (struct span){ 0 });
}

static void add_end(struct dice *d, struct buf *b)
{
    uint8_t more[BLOCK_MAX];
    size_t len = 1 + dice_below(d, sizeof(more));

    for (size_t i = 0; i < len; i++)
        more[i] = dice_below(d, 2) ? telling_byte(d) : (uint8_t)dice_roll(d);
    buf_add(b, span_from(more, len));
}

static void splice(struct dice *d, struct buf *b, struct span other)
{
    struct span all = buf_span(b);
    size_t at = dice_below(d, b->len), len = dice_below(d, b->len - at) + 1;

    remake(b, span_head(all, at), span_head(span_tail(other, at < other.len ? at : other.len), len),
           span_tail(all, at + len));
}

/* False: it may have moved what follows. */
static bool change(struct dice *d, struct buf *b, struct span other)
{
    static const struct {
        void (*make)(struct dice *d, struct buf *b);
        bool in_place;
    } changes[] = {
        { flip_bit, true },     { flip_bit, true },     { set_byte, true },
        { set_byte, true },     { overwrite, true },    { shift_number, true },
        { shift_number, true }, { cut_block, false },   { double_block, false },
        { insert_byte, false }, { insert_byte, false }, { cut_end, false },
        { add_end, false },
    };
    const size_t count = sizeof(changes) / sizeof(*changes);
    size_t which = dice_below(d, count + 1);

    if (!b->len)
        add_end(d, b);
    else if (which == count)
        splice(d, b, other);
    else
        changes[which].make(d, b);
    return b->len && which < count && changes[which].in_place;
}

bool mutate(struct dice *d, struct span from, struct span other, struct buf *out)
{
    size_t count = dice_below(d, 4) ? 1 : 1 + dice_below(d, 4);
    bool in_place = true;

    buf_add(out, from);
    for (size_t i = 0; i < count; i++)
        in_place = change(d, out, other) && in_place;
    return in_place;
}
