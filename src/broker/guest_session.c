// SPDX-License-Identifier: Apache-2.0
#include "broker/guest_session.h"

void guest_session_done(struct guest_session *g)
{
    json_free(g->content);
    *g = (struct guest_session){ 0 };
}

/* For sweeping alone; what counts stands in the content, under its MAC. */
static fallible note_end(struct store *s, const struct row *r, int64_t expires_at)
{
    struct statement *q;

    TRY(store_query(s, "UPDATE guest_sessions SET expires_at = ?3 WHERE tenant = ?1 AND id = ?2",
                    &q));
    bind_str(q, 1, r->tenant);
    bind_str(q, 2, r->id);
    bind_int(q, 3, expires_at);
    return store_run(q);
}

fallible guest_session_begin(struct store *s, const struct secret *integrity, struct span tenant,
                             struct span challenge, struct span token, int64_t expires_at)
{
    struct row row owned(row_done) = { .content = buf_of(0) };
    json_t *content owned(json_free) = json_object();
    char id[UUID_TEXT_SIZE];

    json_set_span(content, "token", token);
    json_set_int(content, "expires_at", expires_at);
    TRY(random_uuid(id));
    TRY(row_init(&row, tenant, span_str(id), challenge));
    TRY(json_canonical(content, &row.content));
    TRY(row_insert(s, integrity, ROW_GUEST_SESSIONS, &row));
    return note_end(s, &row, expires_at);
}

fallible guest_session_read(struct store *s, const struct secret *integrity, struct span tenant,
                            struct span challenge, struct guest_session *out)
{
    struct row row owned(row_done) = { .content = buf_of(0) };
    struct guest_session g owned(guest_session_done) = { 0 };
    uint64_t end;

    TRY(row_read_linked(s, integrity, ROW_GUEST_SESSIONS, tenant, challenge, &row));
    if (failed(json_parse_object(buf_span(&row.content), &g.content)) ||
        failed(json_get_str(g.content, "token", "stored session", &g.token)) ||
        failed(json_get_u64(g.content, "expires_at", INT64_MAX, "stored session", &end)))
        return FAIL(SYSTEM, "a stored session cannot be understood");
    g.expires_at = (int64_t)end;
    *out = g;
    g = (struct guest_session){ 0 };
    return OK;
}

fallible guest_session_sweep(struct store *s, int64_t now)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM guest_sessions WHERE expires_at < ?1", &q));
    bind_int(q, 1, now);
    return store_run(q);
}
