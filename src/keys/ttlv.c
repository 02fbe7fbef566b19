// SPDX-License-Identifier: Apache-2.0
#include "keys/ttlv.h"

#define UNIT 8

/* What a length may be, by type. */
static bool length_fits(uint8_t type, size_t len)
{
    switch ((enum ttlv_type)type) {
    case TTLV_STRUCTURE:
        return len % UNIT == 0;
    case TTLV_INTEGER:
    case TTLV_ENUMERATION:
    case TTLV_INTERVAL:
        return len == 4;
    case TTLV_LONG:
    case TTLV_BOOLEAN:
    case TTLV_DATE:
    case TTLV_DATE_EXTENDED:
        return len == 8;
    case TTLV_BIG_INTEGER:
        return len && len % UNIT == 0;
    case TTLV_TEXT:
    case TTLV_BYTES:
        return true;
    }
    return false;
}

struct ttlv ttlv_next(struct reader *r)
{
    struct ttlv item = { 0 };
    uint32_t tag_and_type = reader_u32be(r);
    uint32_t len = reader_u32be(r);

    item.tag = tag_and_type >> 8;
    item.type = (uint8_t)tag_and_type;
    reader_require(r, length_fits(item.type, len));
    item.value = reader_take(r, len);
    struct span padding = reader_take(r, (UNIT - len % UNIT) % UNIT);
    reader_require(r, span_is_zero(padding));
    return r->failed ? (struct ttlv){ 0 } : item;
}

static const struct ttlv_field *field_of(const struct ttlv_field *fields, size_t count,
                                         uint32_t tag)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].tag == tag)
            return &fields[i];
    return NULL;
}

#define FIELDS_MAX 32

fallible ttlv_pick(struct span structure, const struct ttlv_field *fields, size_t count)
{
    struct reader r = reader_of(structure);
    struct span found[FIELDS_MAX] = { 0 };
    bool seen[FIELDS_MAX] = { 0 };

    if (count > FIELDS_MAX)
        return FAIL(LIMIT, "fields of a KMIP structure");
    while (r.rest.len && !r.failed) {
        struct ttlv item = ttlv_next(&r);
        const struct ttlv_field *f = field_of(fields, count, item.tag);

        if (!f || r.failed)
            continue;
        reader_require(&r, !seen[f - fields] && item.type == (uint8_t)f->type);
        seen[f - fields] = true;
        found[f - fields] = item.value;
    }
    for (size_t i = 0; i < count; i++)
        reader_require(&r, seen[i] || !fields[i].required);
    TRY(reader_end(&r, "KMIP structure (TTLV)"));
    for (size_t i = 0; i < count; i++)
        if (seen[i])
            *fields[i].value = found[i];
    return OK;
}

uint32_t ttlv_u32(struct span value)
{
    struct reader r = reader_of(value);
    return reader_u32be(&r);
}

struct ttlv_writer ttlv_writer_of(struct secret *room)
{
    return (struct ttlv_writer){ .room = room, .failed = !room };
}

static void put(struct ttlv_writer *w, struct span bytes)
{
    if (w->failed || secret_len(w->room) - w->len < bytes.len) {
        w->failed = true;
        return;
    }
    if (bytes.len)
        memcpy(secret_fill(w->room) + w->len, bytes.at, bytes.len);
    w->len += bytes.len;
}

static void put_u32(struct ttlv_writer *w, uint32_t v)
{
    const uint8_t bytes[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
                              (uint8_t)v };
    put(w, SPAN_OF(bytes));
}

static void put_item(struct ttlv_writer *w, uint32_t tag, enum ttlv_type type, struct span value)
{
    static const uint8_t zeros[UNIT];

    put_u32(w, tag << 8 | (uint32_t)type);
    put_u32(w, (uint32_t)value.len);
    put(w, value);
    put(w, span_from(zeros, (UNIT - value.len % UNIT) % UNIT));
}

size_t ttlv_begin(struct ttlv_writer *w, uint32_t tag)
{
    put_item(w, tag, TTLV_STRUCTURE, (struct span){ 0 });
    return w->len;
}

void ttlv_end(struct ttlv_writer *w, size_t mark)
{
    size_t end = w->len;

    if (w->failed)
        return;
    w->len = mark - 4;
    put_u32(w, (uint32_t)(end - mark));
    w->len = end;
}

static void add_u32(struct ttlv_writer *w, uint32_t tag, enum ttlv_type type, uint32_t v)
{
    const uint8_t bytes[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
                              (uint8_t)v };
    put_item(w, tag, type, SPAN_OF(bytes));
}

void ttlv_add_integer(struct ttlv_writer *w, uint32_t tag, uint32_t v)
{
    add_u32(w, tag, TTLV_INTEGER, v);
}

void ttlv_add_enumeration(struct ttlv_writer *w, uint32_t tag, uint32_t v)
{
    add_u32(w, tag, TTLV_ENUMERATION, v);
}

void ttlv_add_text(struct ttlv_writer *w, uint32_t tag, struct span text)
{
    put_item(w, tag, TTLV_TEXT, text);
}

void ttlv_add_bytes(struct ttlv_writer *w, uint32_t tag, struct span bytes)
{
    put_item(w, tag, TTLV_BYTES, bytes);
}
