// SPDX-License-Identifier: Apache-2.0
#include "broker/audit.h"

#include "base/clock.h"
#include "base/hex.h"

static fallible read_head(struct store *s, struct audit_place *out)
{
    struct statement *q;
    struct audit_place head = { 0 };
    bool found;

    TRY(store_query(s, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", &q));
    TRY(store_step(q, &found));
    if (found) {
        struct span hash = column_blob(q, 1);
        head.seq = column_int(q, 0);
        if (hash.len == sizeof head.hash)
            memcpy(head.hash, hash.at, hash.len);
    }
    store_reset(q);
    *out = head;
    return OK;
}

static fallible insert(struct store *s, int64_t seq, const json_t *record, struct span text,
                       struct span hash)
{
    struct span id, tenant, key_id;
    struct statement *q;

    TRY(json_get_str(record, "id", "audit id", &id));
    TRY(json_get_str(record, "tenant", "audit tenant", &tenant));
    TRY(json_get_str(record, "key_id", "audit key", &key_id));
    TRY(store_query(
        s,
        "INSERT INTO audit (seq, id, tenant, key_id, record, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &q));
    bind_int(q, 1, seq);
    bind_text(q, 2, id);
    bind_text(q, 3, tenant);
    bind_text(q, 4, key_id);
    bind_text(q, 5, text);
    bind_blob(q, 6, hash);
    return store_run(q);
}

void audit_line_write(struct buf *out, struct span record, struct span hash)
{
    buf_add_str(out, AUDIT_LINE_HEAD);
    buf_add(out, record);
    buf_add_str(out, AUDIT_LINE_HASH);
    hex_add(out, hash);
    buf_add_str(out, AUDIT_LINE_END "\n");
}

/* Without what a very long policy explains of itself: its digest and version are on record, and the
 * reason in a sentence. The lists are the decision's too, so they are copied. */
static fallible shorten(json_t *record)
{
    json_t *checks owned(json_free) = json_array(), *check,
                   *attestation = json_object_get(record, "attestation");
    size_t i;

    json_array_foreach(json_object_get(record, "checks"), i, check)
    {
        json_t *brief = json_copy(check);
        json_object_del(brief, "explanation");
        json_array_append_new(checks, brief);
    }
    if (json_array_size(checks) != json_array_size(json_object_get(record, "checks")))
        return FAIL(SYSTEM, "out of memory");
    if (json_array_size(checks))
        json_object_set(record, "checks", checks);
    json_object_del(attestation, "failed");
    json_object_del(record, "smallest_change");
    json_object_del(record, "facts");
    json_set_bool(record, "shortened", true);
    return OK;
}

static fallible write_record(json_t *record, struct buf *text)
{
    struct err e = json_canonical(record, text);

    if (e.kind != FAIL_LIMIT)
        return e;
    TRY(shorten(record));
    buf_clear(text);
    return json_canonical(record, text);
}

fallible audit_append(struct transaction *t, json_t *record, int64_t now)
{
    struct audit_place head;
    struct buf text owned(buf_done) = buf_of(AUDIT_RECORD_MAX);
    uint8_t hash[SHA256_SIZE];
    char time[CLOCK_TEXT_MAX];

    TRY(read_head(t->store, &head));
    json_set_int(record, "seq", head.seq + 1);
    json_set_str(record, "time", clock_format(now, time));
    json_set_hex(record, "previous", SPAN_OF(head.hash));
    TRY(write_record(record, &text));
    TRY(audit_hash(&head, buf_span(&text), hash));
    TRY(insert(t->store, head.seq + 1, record, buf_span(&text), SPAN_OF(hash)));
    audit_line_write(t->journal, buf_span(&text), SPAN_OF(hash));
    return OK;
}

static fallible add_record(struct statement *q, json_t *list)
{
    json_t *record owned(json_free) = NULL;

    TRY(json_parse_object(column_text(q, 0), &record));
    json_set_hex(record, "hash", column_blob(q, 1));
    return json_array_append(list, record) ? FAIL(SYSTEM, "out of memory") : OK;
}

fallible audit_list(struct store *s, const struct audit_filter *filter, json_t **out)
{
    json_t *list owned(json_free) = json_array();
    struct statement *q;
    struct err e = OK;
    uint64_t limit =
        filter->limit && filter->limit < AUDIT_LIST_MAX ? filter->limit : AUDIT_LIST_MAX;

    TRY(store_query(s,
                    "SELECT record, hash FROM audit WHERE tenant = ?1 AND (?2 = '' OR key_id = ?2)"
                    " AND (?3 = 0 OR seq < ?3) ORDER BY seq DESC LIMIT ?4",
                    &q));
    bind_text(q, 1, filter->tenant);
    bind_text(q, 2, filter->key_id.len ? filter->key_id : SPAN(""));
    bind_int(q, 3, filter->before);
    bind_int(q, 4, (int64_t)limit);
    for (bool more = true; more && !failed(e);) {
        e = store_step(q, &more);
        if (!failed(e) && more)
            e = add_record(q, list);
    }
    store_reset(q);
    TRY(e);
    *out = TAKE(list);
    return OK;
}

fallible audit_read(struct store *s, struct span tenant, struct span id, json_t **out)
{
    json_t *list owned(json_free) = json_array();
    struct statement *q;
    bool found;

    TRY(store_query(
        s,
        "SELECT record, hash FROM audit WHERE tenant = ?1 AND (id = ?2 OR CAST(seq AS TEXT) = ?2)",
        &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    TRY(store_step(q, &found));
    struct err e = found ? add_record(q, list) : FAIL(ABSENT, "no such record");
    store_reset(q);
    TRY(e);
    *out = json_incref(json_array_get(list, 0));
    return OK;
}
