// SPDX-License-Identifier: Apache-2.0
#include "access/revocation.h"

#include "access/revocation_id_internal.h"
#include "base/base64.h"
#include "base/writer.h"
#include "crypto/digest.h"
#include "store/rows.h"
#include "token/jwt.h"

#define KEPT (REVOCATION_SECONDS_MAX + 2 * JWT_LEEWAY)
#define KIND_TOKEN "token"
#define KIND_SUBJECT "subject"
#define KIND_ALL "all"
#define ID_TEXT_MAX 4096

fallible revocation_id(const char *kind, const char *tenant, struct span value,
                       char out[REVOCATION_ID_SIZE])
{
    struct buf text owned(buf_done) = buf_of(ID_TEXT_MAX);
    uint8_t hash[SHA256_SIZE];

    write_part(&text, span_str(kind));
    write_part(&text, span_str(tenant));
    write_part(&text, value);
    TRY(buf_check(&text));
    TRY(sha256(buf_span(&text), hash));
    char *id owned(free) = base64url_dup(SPAN_OF(hash));
    if (!id)
        return FAIL(SYSTEM, "memory for an id");
    snprintf(out, REVOCATION_ID_SIZE, "%s", id);
    return OK;
}

fallible revocation_ids(const struct bearer *b, char out[REVOCATION_IDS][REVOCATION_ID_SIZE])
{
    TRY(revocation_id(KIND_TOKEN, b->tenant, span_str(b->id), out[0]));
    TRY(revocation_id(KIND_SUBJECT, b->tenant, span_str(b->subject), out[1]));
    return revocation_id(KIND_SUBJECT, b->tenant, (struct span){ 0 }, out[2]);
}

static fallible put(struct store *s, const char *id, const char *kind, int64_t now)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM revocations WHERE id = ?1", &q));
    bind_str(q, 1, id);
    TRY(store_run(q));
    TRY(store_query(s, "INSERT INTO revocations (id, kind, before, until) VALUES (?1, ?2, ?3, ?4)",
                    &q));
    bind_str(q, 1, id);
    bind_str(q, 2, kind);
    bind_int(q, 3, now + 1); /* times of tokens are whole seconds */
    bind_int(q, 4, now + KEPT);
    return store_run(q);
}

static fallible forget(struct store *s, int64_t now)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM revocations WHERE until <= ?1", &q));
    bind_int(q, 1, now);
    return store_run(q);
}

static fallible is_full(struct store *s, const char *kind, bool *full)
{
    struct statement *q;
    bool row;

    TRY(store_query(s, "SELECT COUNT(*) FROM revocations WHERE kind = ?1", &q));
    bind_str(q, 1, kind);
    TRY(store_step(q, &row));
    *full = row && column_int(q, 0) >= REVOCATIONS_MAX;
    store_reset(q);
    return OK;
}

fallible revoke_token(struct store *s, const char *tenant, struct span jti, int64_t now)
{
    char id[REVOCATION_ID_SIZE];
    bool full;

    TRY(revocation_id(KIND_TOKEN, tenant, jti, id));
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(store_begin(guard));
    TRY(forget(guard, now));
    TRY(is_full(guard, KIND_TOKEN, &full));
    if (full)
        return FAIL(LIMIT, "too many tokens are revoked one by one: revoke their users'");
    TRY(put(guard, id, KIND_TOKEN, now));
    return store_commit(guard);
}

static fallible all_end(struct store *s, int64_t now)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM revocations", &q));
    TRY(store_run(q));
    return put(s, KIND_ALL, KIND_ALL, now);
}

fallible revoke_subject(struct store *s, const char *tenant, const char *name, int64_t now)
{
    char id[REVOCATION_ID_SIZE];
    bool full;

    TRY(revocation_id(KIND_SUBJECT, tenant, span_str(name), id));
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(store_begin(guard));
    TRY(forget(guard, now));
    TRY(is_full(guard, KIND_SUBJECT, &full));
    TRY(full ? all_end(guard, now) : put(guard, id, KIND_SUBJECT, now));
    return store_commit(guard);
}

/* 0: there is no such entry. */
static fallible before_of(struct store *s, const char *id, int64_t *before)
{
    struct statement *q;
    bool row;

    TRY(store_query(s, "SELECT before FROM revocations WHERE id = ?1", &q));
    bind_str(q, 1, id);
    TRY(store_step(q, &row));
    *before = row ? column_int(q, 0) : 0;
    store_reset(q);
    return OK;
}

fallible revocation_check(struct store *s, const struct bearer *b, bool *ended)
{
    char ids[REVOCATION_IDS][REVOCATION_ID_SIZE];
    int64_t before;

    TRY(revocation_ids(b, ids));
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(before_of(guard, ids[0], &before));
    bool found = before != 0;
    for (size_t i = 1; i < REVOCATION_IDS && !found; i++) {
        TRY(before_of(guard, ids[i], &before));
        found = b->issued_at < before;
    }
    TRY(before_of(guard, KIND_ALL, &before));
    *ended = found || b->issued_at < before;
    return OK;
}

fallible revocation_floor(struct store *s, const char *tenant, const char *name, int64_t *from)
{
    char user[REVOCATION_ID_SIZE], whole[REVOCATION_ID_SIZE];
    const char *const ids[] = { user, whole, KIND_ALL };
    int64_t highest = 0, before;

    TRY(revocation_id(KIND_SUBJECT, tenant, span_str(name), user));
    TRY(revocation_id(KIND_SUBJECT, tenant, (struct span){ 0 }, whole));
    struct store *guard owned(store_guard) = store_guarded(s);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        TRY(before_of(guard, ids[i], &before));
        if (before > highest)
            highest = before;
    }
    *from = highest;
    return OK;
}

static fallible add_rows(struct store *s, json_t *tokens, json_t *subjects, int64_t *all_before)
{
    struct statement *q;
    bool row;

    TRY(store_query(s, "SELECT id, kind, before, until FROM revocations ORDER BY id", &q));
    TRY(store_step(q, &row));
    while (row) {
        struct span kind = column_text(q, 1);
        char *id owned(free) = span_dup(column_text(q, 0));
        if (span_equal_str(kind, KIND_ALL))
            *all_before = column_int(q, 2);
        else if (span_equal_str(kind, KIND_TOKEN))
            json_set_int(tokens, id, column_int(q, 3));
        else
            json_set_int(subjects, id, column_int(q, 2));
        TRY(store_step(q, &row));
    }
    return OK;
}

fallible revocation_claims(struct store *s, int64_t now, json_t **out)
{
    owned(json_free) json_t *claims = json_object();
    json_t *tokens = json_object(), *subjects = json_object();
    int64_t all_before = 0;

    json_object_set_new(claims, "tokens", tokens);
    json_object_set_new(claims, "subjects", subjects);
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(forget(guard, now));
    TRY(add_rows(guard, tokens, subjects, &all_before));
    json_set_int(claims, "all_before", all_before);
    *out = TAKE(claims);
    return OK;
}
