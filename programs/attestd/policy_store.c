// SPDX-License-Identifier: Apache-2.0
#include "attestd/policy_store.h"

#include <ctype.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "policy/default_policy.h"
#include "policy/policy.h"
#include "store/rows.h"

#define LIST_MAX 1000
#define ABSENT "no such policy"
#define VERSION_ABSENT "no such version of the policy"

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
    { 2, "CREATE TABLE policy_version ("
         " id TEXT NOT NULL, version BIGINT NOT NULL, digest TEXT NOT NULL, document TEXT NOT NULL,"
         " author TEXT NOT NULL, restored BIGINT NOT NULL, written_at BIGINT NOT NULL,"
         " PRIMARY KEY (id, version));"
         "ALTER TABLE policy ADD COLUMN author TEXT NOT NULL DEFAULT '';"
         "ALTER TABLE policy ADD COLUMN restored BIGINT NOT NULL DEFAULT 0;"
         "INSERT INTO policy_version (id, version, digest, document, author, restored, written_at)"
         " SELECT id, version, digest, document, '', 0, updated_at FROM policy" },
};

static fallible digest_document(const json_t *document, char out[DIGEST_TEXT_SIZE])
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    TRY(json_canonical(document, &text));
    TRY(buf_check(&text));
    return digest_text(buf_span(&text), out);
}

static void set_time(json_t *j, const char *name, int64_t at)
{
    char when[CLOCK_TEXT_MAX];
    json_set_str(j, name, clock_format(at, when));
}

static fallible make_builtin(const json_t *document, json_t **out)
{
    char digest[DIGEST_TEXT_SIZE];
    TRY(digest_document(document, digest));
    json_t *j = json_object();
    json_set_str(j, "id", DEFAULT_POLICY_NAME);
    json_set_str(j, "name", DEFAULT_POLICY_NAME);
    json_set_int(j, "version", 1);
    json_set_str(j, "digest", digest);
    json_object_set_new(j, "policy", json_deep_copy(document));
    json_set_str(j, "author", "");
    set_time(j, "created_at", 0);
    set_time(j, "updated_at", 0);
    *out = j;
    return j ? OK : FAIL(SYSTEM, "memory for the policy store");
}

fallible policy_store_open(const char *url, const json_t *builtin, struct policy_store **out)
{
    owned(policy_store_close) struct policy_store *s = calloc(1, sizeof(*s));
    if (!s)
        return FAIL(SYSTEM, "memory for the policy store");
    TRY(store_open(url, &s->store));
    TRY(store_migrate(s->store, migrations, sizeof(migrations) / sizeof(migrations[0])));
    TRY(make_builtin(builtin, &s->builtin));
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

static fallible not_builtin(struct span id)
{
    return is_builtin(id) ? FAIL(CONFLICT, "the policy \"default\" is built in") : OK;
}

/* Of the current version, and of an earlier one: the same columns. */
#define OF_POLICY                                                                                  \
    "p.id, p.name, p.version, p.digest, p.document, p.author, p.restored, p.created_at, "          \
    "p.updated_at FROM policy p WHERE p.tenant = ?1"
#define OF_VERSION                                                                                 \
    "p.id, p.name, v.version, v.digest, v.document, v.author, v.restored, p.created_at, "          \
    "v.written_at FROM policy p JOIN policy_version v ON v.id = p.id WHERE p.tenant = ?1"
#define THE_ONE " AND (p.id = ?2 OR p.name = ?2)"

static struct err read_row(struct statement *q, json_t **row)
{
    owned(json_free) json_t *document = NULL, *j = json_object();
    TRY(json_parse_object(column_text(q, 4), &document));
    json_set_span(j, "id", column_text(q, 0));
    json_set_span(j, "name", column_text(q, 1));
    json_set_int(j, "version", column_int(q, 2));
    json_set_span(j, "digest", column_text(q, 3));
    json_object_set(j, "policy", document);
    json_set_span(j, "author", column_text(q, 5));
    if (column_int(q, 6))
        json_set_int(j, "restored_from", column_int(q, 6));
    set_time(j, "created_at", column_int(q, 7));
    set_time(j, "updated_at", column_int(q, 8));
    *row = TAKE(j);
    return *row ? OK : FAIL(SYSTEM, "memory for a policy");
}

static fallible select_one(struct store *s, struct span tenant, struct span id, json_t **row)
{
    struct statement *q;
    TRY(store_query(s, "SELECT " OF_POLICY THE_ONE, &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    return store_read_one(q, read_row, ABSENT, row);
}

fallible policy_store_get(struct policy_store *s, struct span tenant, struct span id, json_t **row)
{
    if (is_builtin(id)) {
        *row = json_incref(s->builtin);
        return OK;
    }
    struct store *guard owned(store_guard) = store_guarded(s->store);
    return select_one(guard, tenant, id, row);
}

fallible policy_store_list(struct policy_store *s, struct span tenant, json_t **rows)
{
    owned(json_free) json_t *list = json_array();
    struct statement *q;
    json_array_append(list, s->builtin);
    struct store *guard owned(store_guard) = store_guarded(s->store);
    TRY(store_query(guard, "SELECT " OF_POLICY " ORDER BY p.name", &q));
    bind_text(q, 1, tenant);
    TRY(store_read_all(q, read_row, LIST_MAX, list));
    *rows = TAKE(list);
    return OK;
}

static fallible select_version(struct store *s, struct span tenant, struct span id, int64_t version,
                               json_t **row)
{
    struct statement *q;
    TRY(store_query(s, "SELECT " OF_VERSION THE_ONE " AND v.version = ?3", &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    bind_int(q, 3, version);
    return store_read_one(q, read_row, VERSION_ABSENT, row);
}

fallible policy_store_version(struct policy_store *s, struct span tenant, struct span id,
                              int64_t version, json_t **row)
{
    if (is_builtin(id)) {
        if (version != 1)
            return FAIL(ABSENT, VERSION_ABSENT);
        *row = json_incref(s->builtin);
        return OK;
    }
    struct store *guard owned(store_guard) = store_guarded(s->store);
    json_t *current = NULL;
    TRY(select_one(guard, tenant, id, &current));
    json_free(current);
    return select_version(guard, tenant, id, version, row);
}

fallible policy_store_versions(struct policy_store *s, struct span tenant, struct span id,
                               json_t **rows)
{
    owned(json_free) json_t *list = json_array(), *current = NULL;
    struct statement *q;
    json_t *row;
    size_t i;
    if (is_builtin(id)) {
        json_array_append_new(list, json_copy(s->builtin));
    } else {
        struct store *guard owned(store_guard) = store_guarded(s->store);
        TRY(select_one(guard, tenant, id, &current));
        TRY(store_query(guard, "SELECT " OF_VERSION THE_ONE " ORDER BY v.version DESC", &q));
        bind_text(q, 1, tenant);
        bind_text(q, 2, id);
        TRY(store_read_all(q, read_row, POLICY_VERSIONS_MAX, list));
    }
    json_array_foreach(list, i, row) json_object_del(row, "policy");
    *rows = TAKE(list);
    return OK;
}

/* The row as it is now becomes its newest version. */
static fallible keep_version(struct store *s, struct span tenant, struct span id)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO policy_version (id, version, digest, document, author, restored,"
                    " written_at) SELECT id, version, digest, document, author, restored,"
                    " updated_at FROM policy WHERE tenant = ?1 AND (id = ?2 OR name = ?2)",
                    &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    TRY(store_run_one(s, q, ABSENT));
    TRY(store_query(s,
                    "DELETE FROM policy_version WHERE EXISTS (SELECT 1 FROM policy p"
                    " WHERE p.tenant = ?1 AND (p.id = ?2 OR p.name = ?2)"
                    " AND p.id = policy_version.id AND policy_version.version <= p.version - ?3)",
                    &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    bind_int(q, 3, POLICY_VERSIONS_MAX);
    return store_run(q);
}

/* A change with what is stored of its document. */
struct written {
    char *text;
    char digest[DIGEST_TEXT_SIZE];
};
static void written_donep(struct written *w)
{
    free(w->text);
}

static fallible write_down(const struct policy_change *c, struct written *out)
{
    TRY(digest_document(c->document, out->digest));
    out->text = json_text(c->document);
    return out->text ? OK : FAIL(SYSTEM, "memory for a policy");
}

static fallible insert(struct store *s, const char *id, struct span tenant, struct span name,
                       const struct policy_change *c)
{
    struct statement *q;
    struct written w owned(written_done) = { 0 };
    TRY(write_down(c, &w));
    TRY(store_query(
        s,
        "INSERT INTO policy (id, tenant, name, version, digest, document, author, created_at,"
        " updated_at) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?7)",
        &q));
    bind_str(q, 1, id);
    bind_text(q, 2, tenant);
    bind_text(q, 3, name);
    bind_str(q, 4, w.digest);
    bind_str(q, 5, w.text);
    bind_str(q, 6, c->author);
    bind_int(q, 7, c->now);
    return store_run(q);
}

fallible policy_store_create(struct policy_store *s, struct span tenant, struct span name,
                             const struct policy_change *change, json_t **row)
{
    char id[UUID_TEXT_SIZE];
    TRY(not_builtin(name));
    TRY(random_uuid(id));
    struct store *guard owned(store_guard) = store_guarded(s->store);
    TRY(store_begin(guard));
    struct err e = insert(guard, id, tenant, name, change);
    if (e.kind == FAIL_CONFLICT)
        return FAIL(CONFLICT, "a policy of this name exists");
    TRY(e);
    TRY(keep_version(guard, tenant, span_str(id)));
    owned(json_free) json_t *made = NULL;
    TRY(select_one(guard, tenant, span_str(id), &made));
    TRY(store_commit(guard));
    *row = TAKE(made);
    return OK;
}

static fallible update(struct store *s, struct span tenant, struct span id,
                       const struct policy_change *c)
{
    struct statement *q;
    struct written w owned(written_done) = { 0 };
    TRY(write_down(c, &w));
    TRY(store_query(
        s,
        "UPDATE policy SET version = version + 1, digest = ?1, document = ?2, updated_at = ?3,"
        " author = ?4, restored = ?5 WHERE tenant = ?6 AND (id = ?7 OR name = ?7)",
        &q));
    bind_str(q, 1, w.digest);
    bind_str(q, 2, w.text);
    bind_int(q, 3, c->now);
    bind_str(q, 4, c->author);
    bind_int(q, 5, c->restored);
    bind_text(q, 6, tenant);
    bind_text(q, 7, id);
    TRY(store_run_one(s, q, ABSENT));
    return keep_version(s, tenant, id);
}

fallible policy_store_update(struct policy_store *s, struct span tenant, struct span id,
                             const struct policy_change *change, json_t **row)
{
    owned(json_free) json_t *changed = NULL;
    TRY(not_builtin(id));
    struct store *guard owned(store_guard) = store_guarded(s->store);
    TRY(store_begin(guard));
    TRY(update(guard, tenant, id, change));
    TRY(select_one(guard, tenant, id, &changed));
    TRY(store_commit(guard));
    *row = TAKE(changed);
    return OK;
}

fallible policy_store_rollback(struct policy_store *s, struct span tenant, struct span id,
                               int64_t version, const char *author, int64_t now, json_t **row)
{
    owned(json_free) json_t *current = NULL, *earlier = NULL, *changed = NULL;
    TRY(not_builtin(id));
    struct store *guard owned(store_guard) = store_guarded(s->store);
    TRY(store_begin(guard));
    TRY(select_one(guard, tenant, id, &current));
    TRY(select_version(guard, tenant, id, version, &earlier));
    const struct policy_change change = { .document = json_object_get(earlier, "policy"),
                                          .author = author,
                                          .restored = version,
                                          .now = now };
    TRY(update(guard, tenant, id, &change));
    TRY(select_one(guard, tenant, id, &changed));
    TRY(store_commit(guard));
    *row = TAKE(changed);
    return OK;
}

static fallible delete_versions(struct store *s, struct span tenant, struct span id)
{
    struct statement *q;
    TRY(store_query(s,
                    "DELETE FROM policy_version WHERE id IN (SELECT p.id FROM policy p WHERE "
                    "p.tenant = ?1" THE_ONE ")",
                    &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    return store_run(q);
}

fallible policy_store_delete(struct policy_store *s, struct span tenant, struct span id)
{
    struct statement *q;
    TRY(not_builtin(id));
    struct store *guard owned(store_guard) = store_guarded(s->store);
    TRY(store_begin(guard));
    TRY(delete_versions(guard, tenant, id));
    TRY(store_query(guard, "DELETE FROM policy WHERE tenant = ?1 AND (id = ?2 OR name = ?2)", &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    TRY(store_run_one(guard, q, ABSENT));
    return store_commit(guard);
}
