// SPDX-License-Identifier: Apache-2.0
#include "broker/release_count.h"

#include "base/json.h"

/* The log's text is canonical JSON, in whose strings no quotation mark stands bare. */
static fallible count_behind(struct store *s, struct span tenant, struct span key_id, int64_t seq,
                             uint64_t *out)
{
    struct statement *q;
    bool found;

    TRY(store_query(s,
                    "SELECT COUNT(*) FROM audit WHERE tenant = ?1 AND key_id = ?2 AND seq > ?3"
                    " AND record LIKE '%\"decision\":\"released\"%'",
                    &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, key_id);
    bind_int(q, 3, seq);
    TRY(store_step(q, &found));
    *out = found ? (uint64_t)column_int(q, 0) : 0;
    store_reset(q);
    return OK;
}

static fallible read_row(struct store *s, const struct secret *integrity, struct span tenant,
                         struct span key_id, struct release_count *out, int64_t *seq)
{
    struct row row owned(row_done) = { .content = buf_of(0) };
    json_t *content owned(json_free) = NULL;
    uint64_t up_to;
    struct err e = row_read(s, integrity, ROW_RELEASE_COUNTS, tenant, key_id, &row);

    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    TRY(json_parse_object(buf_span(&row.content), &content));
    TRY(json_get_u64(content, "releases", INT64_MAX, "stored count", &out->releases));
    TRY(json_get_u64(content, "seq", INT64_MAX, "stored count", &up_to));
    out->version = row.version;
    *seq = (int64_t)up_to;
    return OK;
}

fallible release_count_read(struct store *s, const struct secret *integrity, struct span tenant,
                            struct span key_id, struct release_count *out)
{
    struct release_count c = { 0 };
    uint64_t behind;
    int64_t seq = 0;

    TRY(read_row(s, integrity, tenant, key_id, &c, &seq));
    TRY(count_behind(s, tenant, key_id, seq, &behind));
    c.releases += behind;
    *out = c;
    return OK;
}

fallible release_count_add(struct store *s, const struct secret *integrity, struct span tenant,
                           struct span key_id, const struct release_count *before, int64_t seq)
{
    struct row row owned(row_done) = { .content = buf_of(0) };
    json_t *content owned(json_free) = json_object();

    json_set_int(content, "releases", (int64_t)before->releases + 1);
    json_set_int(content, "seq", seq);
    TRY(row_init(&row, tenant, key_id, SPAN("")));
    TRY(json_canonical(content, &row.content));
    row.version = before->version + 1;
    return before->version ? row_update(s, integrity, ROW_RELEASE_COUNTS, &row)
                           : row_insert(s, integrity, ROW_RELEASE_COUNTS, &row);
}

fallible release_count_forget(struct store *s, struct span tenant, struct span key_id)
{
    struct err e = row_delete(s, ROW_RELEASE_COUNTS, tenant, key_id);
    return e.kind == FAIL_ABSENT ? OK : e;
}
