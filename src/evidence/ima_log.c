// SPDX-License-Identifier: Apache-2.0
#include "evidence/ima_log.h"

#include "base/hex.h"
#include "base/writer.h"

#define LEGACY_NAME_SIZE 256 /* of template "ima": the name, padded */
#define SHA1_SIZE 20

static struct span word_take(struct reader *r)
{
    size_t len = span_find(r->rest, SPAN(" "));
    struct span word;

    reader_require(r, len < r->rest.len);
    word = reader_take(r, len);
    reader_u8(r);
    return word;
}

static uint32_t pcr_parse(struct span text, struct reader *r)
{
    struct reader digits = reader_of(text);
    uint32_t pcr = 0;

    reader_require(r, text.len == 1 || text.len == 2);
    while (digits.rest.len) {
        uint8_t c = reader_u8(&digits);
        reader_require(r, c >= '0' && c <= '9');
        pcr = 10 * pcr + (uint32_t)(c - '0');
    }
    reader_require(r, pcr < 24);
    return pcr;
}

static bool hash_size_known(size_t len)
{
    return len == 20 || len == 32 || len == 48 || len == 64;
}

static fallible line_parse(struct span line, struct ima_entry *out)
{
    struct reader r = reader_of(line);
    struct ima_entry e = { 0 };

    e.pcr = pcr_parse(word_take(&r), &r);
    struct span hash = word_take(&r);
    e.template_name = word_take(&r);
    e.fields = reader_rest(&r);
    reader_require(&r, hash_size_known(hash.len / 2) && e.template_name.len && e.fields.len);
    TRY(reader_good(&r, "a line of the IMA list is malformed"));
    e.hash_len = hash.len / 2;
    TRY(hex_parse_exact(hash, e.hash, e.hash_len));
    e.violation = span_is_zero(span_from(e.hash, e.hash_len));
    *out = e;
    return OK;
}

fallible ima_log_open(struct span in, struct ima_cursor *out)
{
    if (in.len > IMA_LOG_MAX)
        return FAIL(LIMIT, "IMA list is larger than 4 MiB");
    *out = (struct ima_cursor){ .r = reader_of(in) };
    return OK;
}

fallible ima_next(struct ima_cursor *c, struct ima_entry *out, bool *end)
{
    if (!c->r.rest.len) {
        *end = true;
        return OK;
    }
    if (c->count == IMA_ENTRIES_MAX)
        return FAIL(LIMIT, "IMA list has more than 16384 entries");
    size_t len = span_find(span_head(c->r.rest, IMA_LINE_MAX), SPAN("\n"));
    if (len >= IMA_LINE_MAX || len == c->r.rest.len)
        return FAIL(INPUT, "a line of the IMA list has no end, or is longer than 16 KiB");
    struct span line = reader_take(&c->r, len);
    reader_u8(&c->r);
    TRY(line_parse(line, out));
    c->count++;
    *end = false;
    return OK;
}

static size_t last_space(struct span s)
{
    struct reader r = reader_of(s);
    size_t at = s.len;

    for (size_t i = 0; i < s.len; i++)
        if (reader_u8(&r) == ' ')
            at = i;
    return at;
}

static bool hex_all(struct span s)
{
    static const char digits[] = "0123456789abcdef";
    struct reader r = reader_of(s);

    while (r.rest.len)
        if (!memchr(digits, reader_u8(&r), sizeof(digits) - 1))
            return false;
    return s.len % 2 == 0;
}

/* A name may hold spaces, so the last field is split off from the end. */
fallible ima_file_parse(const struct ima_entry *e, struct ima_file *out)
{
    struct reader r = reader_of(e->fields);
    struct ima_file f = { 0 };

    f.digest = word_take(&r);
    f.name = reader_rest(&r);
    TRY(reader_good(&r, "an entry of the IMA list has no name"));
    if (!span_equal_str(e->template_name, "ima-ng")) {
        size_t at = last_space(f.name);
        struct span rest = span_tail(f.name, at + 1);
        if (at < f.name.len && hex_all(rest)) {
            f.rest = rest;
            f.name = span_head(f.name, at);
        }
    }
    *out = f;
    return OK;
}

static void sized_add(struct buf *out, struct span s)
{
    write_u32le(out, (uint32_t)s.len);
    buf_add(out, s);
}

/* "<algorithm>:<hex>" is hashed as "<algorithm>:" NUL and the bytes. */
static fallible digest_field_add(struct span text, struct buf *out)
{
    struct buf field owned(buf_done) = buf_of(IMA_LINE_MAX);
    size_t at = span_find(text, SPAN(":"));

    if (at == text.len)
        return FAIL(INPUT, "a digest of the IMA list names no algorithm");
    if (!hex_all(span_tail(text, at + 1))) /* the hash is over bytes: one way to write them */
        return FAIL(INPUT, "a digest of the IMA list is not in lower-case hexadecimal");
    buf_add(&field, span_head(text, at + 1));
    buf_add_u8(&field, 0);
    TRY(hex_parse(span_tail(text, at + 1), &field));
    TRY(buf_check(&field));
    sized_add(out, buf_span(&field));
    return OK;
}

static fallible hex_field_add(struct span text, struct buf *out)
{
    struct buf field owned(buf_done) = buf_of(IMA_LINE_MAX);

    TRY(hex_parse(text, &field));
    TRY(buf_check(&field));
    sized_add(out, buf_span(&field));
    return OK;
}

/* With its terminating NUL. */
static void name_field_add(struct span name, struct buf *out)
{
    write_u32le(out, (uint32_t)name.len + 1);
    buf_add(out, name);
    buf_add_u8(out, 0);
}

/* Template "ima": 20 bytes of digest and a name of 256, without lengths. */
static fallible legacy_data_add(const struct ima_file *f, struct buf *out)
{
    uint8_t digest[SHA1_SIZE];

    if (!hex_all(f->digest))
        return FAIL(INPUT, "a digest of the IMA list is not in lower-case hexadecimal");
    if (f->name.len >= LEGACY_NAME_SIZE)
        return FAIL(INPUT, "a name of the IMA list is too long for its template");
    TRY(hex_parse_exact(f->digest, digest, sizeof(digest)));
    buf_add(out, SPAN_OF(digest));
    buf_add(out, f->name);
    buf_extend(out, LEGACY_NAME_SIZE - f->name.len);
    return buf_check(out);
}

fallible ima_template_data(const struct ima_entry *e, struct buf *out)
{
    struct ima_file f;
    bool legacy = span_equal_str(e->template_name, "ima");

    if (legacy || span_equal_str(e->template_name, "ima-ng")) {
        struct ima_entry plain = *e;
        plain.template_name = SPAN("ima-ng"); /* the name is the rest of the line */
        TRY(ima_file_parse(&plain, &f));
        if (legacy)
            return legacy_data_add(&f, out);
        TRY(digest_field_add(f.digest, out));
        name_field_add(f.name, out);
        return buf_check(out);
    }
    if (!span_equal_str(e->template_name, "ima-sig") &&
        !span_equal_str(e->template_name, "ima-buf"))
        return FAIL(INPUT, "a template of the IMA list is not known here");
    TRY(ima_file_parse(e, &f));
    TRY(digest_field_add(f.digest, out));
    name_field_add(f.name, out);
    TRY(hex_field_add(f.rest, out));
    return buf_check(out);
}
