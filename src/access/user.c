// SPDX-License-Identifier: Apache-2.0
#include "access/user.h"

#include "access/name_internal.h"
#include "store/rows.h"
#include "base/clock.h"

#define KIND_PERSON "person"
#define KIND_SERVICE "service"
#define USER_COLUMNS                                                                               \
    "user_id, username, password_hash, password_changed_at, version, created_at, updated_at, "     \
    "kind,"                                                                                        \
    " certificate"

/* What uniqueness and look-up go by. */
static void key_of(struct span name, char out[USER_NAME_MAX + 1])
{
    size_t len = name.len < USER_NAME_MAX ? name.len : USER_NAME_MAX;

    for (size_t i = 0; i < len; i++)
        out[i] = name_lower((char)name.at[i]);
    out[len] = 0;
}

static bool copy_text(struct span from, char *to, size_t room)
{
    if (from.len >= room)
        return false;
    memcpy(to, from.at, from.len);
    to[from.len] = 0;
    return true;
}

static fallible read_row(struct statement *q, struct user *out)
{
    struct user u = { 0 };

    if (!copy_text(column_text(q, 0), u.id, sizeof(u.id)) ||
        !copy_text(column_text(q, 1), u.name, sizeof(u.name)) ||
        !copy_text(column_text(q, 2), u.password_hash, sizeof(u.password_hash)) ||
        !copy_text(column_text(q, 8), u.certificate, sizeof(u.certificate)))
        return FAIL(SYSTEM, "store: a user's row is malformed");
    u.service = span_equal_str(column_text(q, 7), KIND_SERVICE);
    u.password_changed_at = column_int(q, 3);
    u.version = column_int(q, 4);
    u.created_at = column_int(q, 5);
    u.updated_at = column_int(q, 6);
    *out = u;
    return OK;
}

static fallible insert(struct store *s, const char *tenant, const struct user *u)
{
    struct statement *q;
    char key[USER_NAME_MAX + 1];

    key_of(span_str(u->name), key);
    TRY(store_query(s,
                    "INSERT INTO users (tenant, user_id, username, username_key, password_hash,"
                    " password_changed_at, version, created_at, updated_at, kind, certificate)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?6, ?6, ?7, ?8)",
                    &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, u->id);
    bind_str(q, 3, u->name);
    bind_str(q, 4, key);
    bind_str(q, 5, u->password_hash);
    bind_int(q, 6, u->created_at);
    bind_str(q, 7, u->service ? KIND_SERVICE : KIND_PERSON);
    bind_str(q, 8, u->certificate);
    return store_run(q);
}

static fallible create(struct store *s, const char *tenant, struct span name,
                       const char *password_hash, const struct user *kind, int64_t now,
                       struct user *out)
{
    struct user u = *kind;

    u.password_changed_at = u.created_at = u.updated_at = now;
    u.version = 1;
    if (!user_name_valid(name))
        return FAIL(INPUT, "user name: 1 to 128 of A-Z a-z 0-9 _ . @ -, a letter or digit first");
    if (!copy_text(name, u.name, sizeof(u.name)) ||
        !copy_text(span_str(password_hash), u.password_hash, sizeof(u.password_hash)))
        return FAIL(LIMIT, "user: too long");
    TRY(random_uuid(u.id));
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(insert(guard, tenant, &u));
    *out = u;
    return OK;
}

fallible user_create(struct store *s, const char *tenant, struct span name,
                     const char *password_hash, int64_t now, struct user *out)
{
    const struct user person = { 0 };

    return create(s, tenant, name, password_hash, &person, now, out);
}

fallible user_create_service(struct store *s, const char *tenant, struct span name,
                             const char *secret_hash, int64_t now, struct user *out)
{
    const struct user service = { .service = true };

    return create(s, tenant, name, secret_hash, &service, now, out);
}

static fallible find(struct store *s, const char *tenant, struct span id_or_name, struct user *out)
{
    struct statement *q;
    char key[USER_NAME_MAX + 1];
    bool row = false;

    key_of(id_or_name, key);
    if (uuid_valid(id_or_name))
        TRY(store_query(s, "SELECT " USER_COLUMNS " FROM users WHERE tenant = ?1 AND user_id = ?2",
                        &q));
    else
        TRY(store_query(
            s, "SELECT " USER_COLUMNS " FROM users WHERE tenant = ?1 AND username_key = ?2", &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, key);
    TRY(store_step(q, &row));
    struct err e = row ? read_row(q, out) : FAIL(ABSENT, "no such user");
    store_reset(q);
    return e;
}

fallible user_find(struct store *s, const char *tenant, struct span id_or_name, struct user *out)
{
    if (!uuid_valid(id_or_name) && !user_name_valid(id_or_name))
        return FAIL(ABSENT, "no such user");
    struct store *guard owned(store_guard) = store_guarded(s);
    return find(guard, tenant, id_or_name, out);
}

/* The second row is read as the first would have been; without it microseconds would tell who
 * exists. */
fallible user_find_or_nobody(struct store *s, const char *tenant, struct span name,
                             const char *nobody_hash, struct user *out)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;
    char key[USER_NAME_MAX + 1];
    bool row = false;

    key_of(user_name_valid(name) ? name : SPAN(""), key);
    TRY(store_query(guard,
                    "SELECT " USER_COLUMNS " FROM users WHERE tenant = ?1 AND username_key = ?2"
                    " UNION ALL SELECT * FROM (SELECT '', ?2, ?3, password_changed_at, version,"
                    " created_at, updated_at, 'person', '' FROM users LIMIT 1) AS nobody LIMIT 1",
                    &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, key);
    bind_str(q, 3, nobody_hash);
    TRY(store_step(q, &row));
    struct user u = { 0 };
    struct err e = OK;
    if (row)
        e = read_row(q, &u);
    else if (!copy_text(span_str(nobody_hash), u.password_hash, sizeof(u.password_hash)))
        e = FAIL(LIMIT, "user: too long"); /* nobody at all is there yet */
    store_reset(q);
    if (!failed(e))
        *out = u;
    return e;
}

fallible user_set_password(struct store *s, const char *tenant, const char *id,
                           const char *password_hash, int64_t now)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(
        guard,
        "UPDATE users SET password_hash = ?3, password_changed_at = ?4, updated_at = ?4,"
        " version = version + 1 WHERE tenant = ?1 AND user_id = ?2",
        &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, id);
    bind_str(q, 3, password_hash);
    bind_int(q, 4, now);
    return store_run_one(guard, q, "no such user");
}

fallible user_rehash(struct store *s, const char *tenant, const char *id, const char *old_hash,
                     const char *new_hash)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    /* Only over the hash that was checked: a password changed meanwhile stays changed. */
    TRY(store_query(guard,
                    "UPDATE users SET password_hash = ?4 WHERE tenant = ?1 AND user_id = ?2 AND "
                    "password_hash = ?3",
                    &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, id);
    bind_str(q, 3, old_hash);
    bind_str(q, 4, new_hash);
    return store_run(q);
}

fallible user_set_certificate(struct store *s, const char *tenant, const char *id,
                              struct span certificate, int64_t now)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(guard,
                    "UPDATE users SET certificate = ?3, updated_at = ?4, version = version + 1"
                    " WHERE tenant = ?1 AND user_id = ?2",
                    &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, id);
    bind_text(q, 3, certificate);
    bind_int(q, 4, now);
    return store_run_one(guard, q, "no such user");
}

fallible user_delete(struct store *s, const char *tenant, const char *id)
{
    struct store *guard owned(store_guard) = store_guarded(s);
    struct statement *q;

    TRY(store_query(guard, "DELETE FROM users WHERE tenant = ?1 AND user_id = ?2", &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, id);
    return store_run_one(guard, q, "no such user");
}

json_t *user_json(const struct user *u)
{
    json_t *j = json_object();
    char time[CLOCK_TEXT_MAX];

    json_set_str(j, "user_id",
                 u->id); /* scripts of old systems rely on these two coming first, in this order */
    json_set_str(j, "username", u->name);
    json_set_str(j, "kind", u->service ? KIND_SERVICE : KIND_PERSON);
    if (u->certificate[0])
        json_set_str(j, "certificate_sha256", u->certificate);
    json_set_int(j, "version", u->version);
    json_set_str(j, "created_at", clock_format(u->created_at, time));
    json_set_str(j, "updated_at", clock_format(u->updated_at, time));
    return j;
}

static fallible read_json(struct statement *q, json_t **out)
{
    struct user u;

    TRY(read_row(q, &u));
    *out = user_json(&u);
    return OK;
}

fallible user_list(struct store *s, const char *tenant, struct span name, struct span after,
                   json_t **out)
{
    owned(json_free) json_t *list = json_array();
    char name_key[USER_NAME_MAX + 1], after_key[USER_NAME_MAX + 1];
    struct statement *q;

    key_of(name, name_key);
    key_of(after, after_key);
    struct store *guard owned(store_guard) = store_guarded(s);
    TRY(store_query(guard,
                    "SELECT " USER_COLUMNS
                    " FROM users WHERE tenant = ?1 AND (?2 = '' OR username_key = ?2)"
                    " AND username_key > ?3 ORDER BY username_key LIMIT ?4",
                    &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, name_key);
    bind_str(q, 3, after_key);
    bind_int(q, 4, USER_LIST_MAX);
    TRY(store_read_all(q, read_json, USER_LIST_MAX, list));
    *out = TAKE(list);
    return OK;
}
