// SPDX-License-Identifier: Apache-2.0
#include "attestd/policy_store.h"

#include <ctype.h>

#include "attestd/appraise.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "policy/policy.h"

#define LIST_MAX 1000

struct policy_store {
    struct store *store;
    json_t *builtin; /* the row of "default" */
};

static const struct migration migrations[] = {
    { 1, "CREATE TABLE policy ("
         " id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL,"
         " digest TEXT NOT NULL, document TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at "
         "BIGINT NOT NULL,"
         " UNIQUE (tenant, name))" },
};

static fallible digest_document(const json_t *document, char out[DIGEST_TEXT_SIZE])
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    TRY(json_canonical(document, &text));
    TRY(buf_check(&text));
    return digest_text(buf_span(&text), out);
}

static json_t *row_json(struct span id, struct span name, int64_t version, struct span digest,
                        json_t *document, int64_t created, int64_t updated)
{
    char when[CLOCK_TEXT_MAX];
    json_t *j = json_object();
    json_set_span(j, "id", id);
    json_set_span(j, "name", name);
    json_set_int(j, "version", version);
    json_set_span(j, "digest", digest);
    json_object_set_new(j, "policy", document);
    json_set_str(j, "created_at", clock_format(created, when));
    json_set_str(j, "updated_at", clock_format(updated, when));
    return j;
}

static fallible make_builtin(json_t **out)
{
    char digest[DIGEST_TEXT_SIZE];
    owned(json_free) json_t *document = NULL;
    TRY(json_parse_object(span_str(default_policy_text), &document));
    TRY(digest_document(document, digest));
    *out = row_json(SPAN(DEFAULT_POLICY_NAME), SPAN(DEFAULT_POLICY_NAME), 1, span_str(digest),
                    TAKE(document), 0, 0);
    return OK;
}

fallible policy_store_open(const char *url, struct policy_store **out)
{
    owned(policy_store_close) struct policy_store *s = calloc(1, sizeof(*s));
    if (!s)
        return FAIL(SYSTEM, "memory for the policy store");
    TRY(store_open(url, &s->store));
    TRY(store_migrate(s->store, migrations, sizeof(migrations) / sizeof(migrations[0])));
    TRY(make_builtin(&s->builtin));
    *out = TAKE(s);
    return OK;
}

void policy_store_close(struct policy_store *s)
{
    if (!s)
        return;
    store_close(s->store);
    json_free(s->builtin);
    free(s);
}

bool policy_name_valid(struct span name)
{
    if (!name.len || name.len > POLICY_NAME_MAX || !isalnum(name.at[0]) || uuid_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum(name.at[i]) && !memchr("._-", name.at[i], 3))
            return false;
    return true;
}

static bool is_builtin(struct span id)
{
    return span_equal_str(id, DEFAULT_POLICY_NAME);
}

#define COLUMNS "id, name, version, digest, document, created_at, updated_at"

static fallible read_row(struct statement *q, json_t **row)
{
    owned(json_free) json_t *document = NULL;
    TRY(json_parse_object(column_text(q, 4), &document));
    *row = row_json(column_text(q, 0), column_text(q, 1), column_int(q, 2), column_text(q, 3),
                    TAKE(document), column_int(q, 5), column_int(q, 6));
    return OK;
}

static fallible select_one(struct store *s, struct span tenant, struct span id, json_t **row)
{
    struct statement *q;
    bool found;
    TRY(store_query(
        s, "SELECT " COLUMNS " FROM policy WHERE tenant = ?1 AND (id = ?2 OR name = ?2)", &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    TRY(store_step(q, &found));
    if (!found)
        return FAIL(ABSENT, "no such policy");
    struct err e = read_row(q, row);
    store_reset(q);
    return e;
}

fallible policy_store_get(struct policy_store *s, struct span tenant, struct span id, json_t **row)
{
    if (is_builtin(id)) {
        *row = json_incref(s->builtin);
        return OK;
    }
    store_lock(s->store);
    struct err e = select_one(s->store, tenant, id, row);
    store_unlock(s->store);
    return e;
}

static fallible select_all(struct store *s, struct span tenant, json_t *rows)
{
    struct statement *q;
    bool found = true;
    TRY(store_query(s, "SELECT " COLUMNS " FROM policy WHERE tenant = ?1 ORDER BY name", &q));
    bind_text(q, 1, tenant);
    for (size_t i = 0; i < LIST_MAX; i++) {
        json_t *row;
        TRY(store_step(q, &found));
        if (!found)
            return OK;
        TRY(read_row(q, &row));
        json_array_append_new(rows, row);
    }
    store_reset(q);
    return OK;
}

fallible policy_store_list(struct policy_store *s, struct span tenant, json_t **rows)
{
    owned(json_free) json_t *list = json_array();
    json_array_append(list, s->builtin);
    store_lock(s->store);
    struct err e = select_all(s->store, tenant, list);
    store_unlock(s->store);
    TRY(e);
    *rows = TAKE(list);
    return OK;
}

static fallible insert(struct store *s, const char *id, struct span tenant, struct span name,
                       const json_t *document, int64_t now)
{
    struct statement *q;
    char digest[DIGEST_TEXT_SIZE];
    char *text owned(free) = json_text(document);
    if (!text)
        return FAIL(SYSTEM, "memory for a policy");
    TRY(digest_document(document, digest));
    TRY(store_query(
        s,
        "INSERT INTO policy (id, tenant, name, version, digest, document, created_at, updated_at)"
        " VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?6)",
        &q));
    bind_str(q, 1, id);
    bind_text(q, 2, tenant);
    bind_text(q, 3, name);
    bind_str(q, 4, digest);
    bind_str(q, 5, text);
    bind_int(q, 6, now);
    return store_run(q);
}

fallible policy_store_create(struct policy_store *s, struct span tenant, struct span name,
                             const json_t *document, int64_t now, json_t **row)
{
    char id[UUID_TEXT_SIZE];
    if (is_builtin(name))
        return FAIL(CONFLICT, "the policy \"default\" is built in");
    TRY(random_uuid(id));
    store_lock(s->store);
    struct err e = insert(s->store, id, tenant, name, document, now);
    if (!failed(e))
        e = select_one(s->store, tenant, span_str(id), row);
    store_unlock(s->store);
    return e.kind == FAIL_CONFLICT ? FAIL(CONFLICT, "a policy of this name exists") : e;
}

static fallible update(struct store *s, struct span tenant, struct span id, const json_t *document,
                       int64_t now)
{
    struct statement *q;
    char digest[DIGEST_TEXT_SIZE];
    char *text owned(free) = json_text(document);
    if (!text)
        return FAIL(SYSTEM, "memory for a policy");
    TRY(digest_document(document, digest));
    TRY(store_query(
        s,
        "UPDATE policy SET version = version + 1, digest = ?1, document = ?2, updated_at = ?3"
        " WHERE tenant = ?4 AND (id = ?5 OR name = ?5)",
        &q));
    bind_str(q, 1, digest);
    bind_str(q, 2, text);
    bind_int(q, 3, now);
    bind_text(q, 4, tenant);
    bind_text(q, 5, id);
    TRY(store_run(q));
    return store_changes(s) == 1 ? OK : FAIL(ABSENT, "no such policy");
}

fallible policy_store_update(struct policy_store *s, struct span tenant, struct span id,
                             const json_t *document, int64_t now, json_t **row)
{
    if (is_builtin(id))
        return FAIL(CONFLICT, "the policy \"default\" is built in");
    store_lock(s->store);
    struct err e = update(s->store, tenant, id, document, now);
    if (!failed(e))
        e = select_one(s->store, tenant, id, row);
    store_unlock(s->store);
    return e;
}

static fallible delete (struct store *s, struct span tenant, struct span id)
{
    struct statement *q;
    TRY(store_query(s, "DELETE FROM policy WHERE tenant = ?1 AND (id = ?2 OR name = ?2)", &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    TRY(store_run(q));
    return store_changes(s) == 1 ? OK : FAIL(ABSENT, "no such policy");
}

fallible policy_store_delete(struct policy_store *s, struct span tenant, struct span id)
{
    if (is_builtin(id))
        return FAIL(CONFLICT, "the policy \"default\" is built in");
    store_lock(s->store);
    struct err e = delete (s->store, tenant, id);
    store_unlock(s->store);
    return e;
}
