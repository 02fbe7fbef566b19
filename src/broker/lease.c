// SPDX-License-Identifier: Apache-2.0
#include "broker/lease.h"

#define KEPT_SECONDS 86400 /* past its end: posture may still ask who held a key */

void lease_done(struct lease *l)
{
    row_done(&l->row);
    json_free(l->content);
    *l = (struct lease){ 0 };
}

/* The column is for sweeping alone; what counts stands in the content, under its MAC. */
static fallible note_end(struct store *s, const struct row *r, int64_t expires_at)
{
    struct statement *q;

    TRY(store_query(s, "UPDATE leases SET expires_at = ?3 WHERE tenant = ?1 AND id = ?2", &q));
    bind_str(q, 1, r->tenant);
    bind_str(q, 2, r->id);
    bind_int(q, 3, expires_at);
    return store_run(q);
}

fallible lease_begin(struct store *s, const struct secret *integrity, const struct lease_facts *f)
{
    struct row row owned(row_done) = { .content = buf_of(0) };
    json_t *content owned(json_free) = json_object();
    int64_t end = f->now + (int64_t)f->minutes * 60;

    json_set_str(content, "signing_key", f->signing_jkt);
    json_set_int(content, "key_version", (int64_t)f->key_version);
    json_set_int(content, "policy_version", (int64_t)f->policy_version);
    json_set_int(content, "released_at", f->now);
    json_set_int(content, "expires_at", end);
    json_set_int(content, "attestation_expires", f->attestation_expires);
    if (f->claims)
        json_object_set(content, "claims", (json_t *)f->claims);
    TRY(row_init(&row, span_str(f->tenant), span_str(f->id), span_str(f->key_id)));
    TRY(json_canonical(content, &row.content));
    TRY(row_insert(s, integrity, ROW_LEASES, &row));
    return note_end(s, &row, end);
}

static fallible understand(struct lease *l)
{
    uint64_t attestation = 0, end = 0;

    TRY(json_parse_object(buf_span(&l->row.content), &l->content));
    TRY(json_get_str(l->content, "signing_key", "stored lease", &l->signing_jkt));
    TRY(json_get_u64(l->content, "key_version", INT64_MAX, "stored lease", &l->key_version));
    TRY(json_get_u64(l->content, "policy_version", INT64_MAX, "stored lease", &l->policy_version));
    TRY(json_get_u64(l->content, "attestation_expires", INT64_MAX, "stored lease", &attestation));
    TRY(json_get_u64(l->content, "expires_at", INT64_MAX, "stored lease", &end));
    l->claims = json_object_get(l->content, "claims");
    l->attestation_expires = (int64_t)attestation;
    l->expires_at = (int64_t)end;
    return OK;
}

fallible lease_read(struct store *s, const struct secret *integrity, struct span tenant,
                    struct span id, struct lease *out)
{
    struct lease l owned(lease_done) = { .row = { .content = buf_of(0) } };

    TRY(row_read(s, integrity, ROW_LEASES, tenant, id, &l.row));
    if (failed(understand(&l)))
        return FAIL(SYSTEM, "a stored lease cannot be understood");
    *out = l;
    l = (struct lease){ .row = { .content = buf_of(0) } };
    return OK;
}

fallible lease_extend(struct store *s, const struct secret *integrity, struct lease *l,
                      int64_t expires_at)
{
    json_set_int(l->content, "expires_at", expires_at);
    buf_clear(&l->row.content);
    TRY(json_canonical(l->content, &l->row.content));
    l->row.version++;
    l->expires_at = expires_at;
    TRY(row_update(s, integrity, ROW_LEASES, &l->row));
    return note_end(s, &l->row, expires_at);
}

fallible lease_sweep(struct store *s, int64_t now)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM leases WHERE expires_at < ?1", &q));
    bind_int(q, 1, now - KEPT_SECONDS);
    return store_run(q);
}
