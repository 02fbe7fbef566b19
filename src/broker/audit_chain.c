// SPDX-License-Identifier: Apache-2.0
/* The chain of the audit log, followed in the store and in the file. */
#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "broker/audit.h"

#define HASH_DIGITS ((size_t)2 * SHA256_SIZE)

fallible audit_hash(const struct audit_place *before, struct span record, uint8_t out[SHA256_SIZE])
{
    struct buf b owned(buf_done) = buf_of(AUDIT_LINE_MAX);

    write_part(&b, SPAN("warder-audit-v1"));
    write_part(&b, SPAN_OF(before->hash));
    write_part(&b, record);
    TRY(buf_check(&b));
    return sha256(buf_span(&b), out);
}

/* What a record says of its place: its number, and the hash before it. */
static fallible place_stated(struct span record, struct audit_place *before)
{
    json_t *j owned(json_free) = NULL;
    struct span previous;
    uint64_t seq;

    TRY(json_parse_object(record, &j));
    TRY(json_get_u64(j, "seq", INT64_MAX, "seq", &seq));
    TRY(json_get_str(j, "previous", "previous", &previous));
    TRY(hex_parse_exact(previous, before->hash, sizeof before->hash));
    before->seq = (int64_t)seq - 1;
    return OK;
}

static fallible record_follows(struct span record, struct span hash, struct audit_place *at,
                               bool *good)
{
    struct audit_place stated = { 0 }, next = { .seq = at->seq + 1 };

    *good = false;
    struct err e = place_stated(record, &stated);
    if (!failed(e))
        e = audit_hash(at, record, next.hash);
    if (e.kind == FAIL_SYSTEM)
        return e;
    *good = !failed(e) && stated.seq == at->seq &&
            span_equal(SPAN_OF(stated.hash), SPAN_OF(at->hash)) &&
            span_equal(SPAN_OF(next.hash), hash);
    if (*good)
        *at = next;
    return OK;
}

fallible audit_check(struct store *s, bool *good, int64_t *broken_at)
{
    struct audit_place at = { 0 };
    struct statement *q;
    struct err e = OK;
    bool fine = true;

    TRY(store_query(s, "SELECT seq, record, hash FROM audit ORDER BY seq", &q));
    for (bool more = true; more && fine && !failed(e);) {
        e = store_step(q, &more);
        if (failed(e) || !more)
            break;
        fine = column_int(q, 0) == at.seq + 1;
        if (fine)
            e = record_follows(column_text(q, 1), column_blob(q, 2), &at, &fine);
    }
    store_reset(q);
    TRY(e);
    *good = fine;
    *broken_at = fine ? 0 : at.seq + 1;
    return OK;
}

static fallible line_split(struct span line, struct span *record, struct span *digits)
{
    const struct span head = SPAN(AUDIT_LINE_HEAD), middle = SPAN(AUDIT_LINE_HASH),
                      end = SPAN(AUDIT_LINE_END);
    struct reader r = reader_of(line);
    size_t tail = middle.len + HASH_DIGITS + end.len;

    bool framed = span_equal(reader_take(&r, head.len), head) && r.rest.len >= tail;
    *record = reader_take(&r, framed ? r.rest.len - tail : 0);
    framed &= span_equal(reader_take(&r, middle.len), middle);
    *digits = reader_take(&r, HASH_DIGITS);
    framed &= span_equal(reader_rest(&r), end);
    reader_require(&r, framed);
    return reader_end(&r, "not a line of an audit log");
}

fallible audit_line_follows(struct span line, struct audit_place *at, bool *good)
{
    struct span record, digits;
    uint8_t hash[SHA256_SIZE];

    *good = false;
    if (failed(line_split(line, &record, &digits)) ||
        failed(hex_parse_exact(digits, hash, sizeof hash)))
        return OK;
    return record_follows(record, SPAN_OF(hash), at, good);
}

fallible audit_line_place(struct span line, struct audit_place *out)
{
    struct audit_place place = { 0 };
    struct span record, digits;

    TRY(line_split(line, &record, &digits));
    TRY(place_stated(record, &place));
    *out = place;
    return OK;
}
