// SPDX-License-Identifier: Apache-2.0
#include "broker/row.h"

#include "base/writer.h"
#include "crypto/digest.h"

const struct migration broker_schema[] = {
    { 1, "CREATE TABLE transfer_policies (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER "
         "NOT NULL,"
         " link TEXT NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (tenant, id));"
         "CREATE UNIQUE INDEX transfer_policies_name ON transfer_policies (tenant, link) WHERE "
         "link <> '';"
         "CREATE TABLE keys (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, "
         "link TEXT NOT NULL,"
         " content TEXT NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (tenant, id),"
         " FOREIGN KEY (tenant, link) REFERENCES transfer_policies (tenant, id));"
         "CREATE INDEX keys_policy ON keys (tenant, link);"
         /* A challenge's expiry is sealed with its id: one row a challenge, and in the order in
            which they go. */
         "CREATE TABLE spent (expires_at INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY "
         "(expires_at, id)) WITHOUT ROWID;"
         "CREATE TABLE audit (seq INTEGER NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant "
         "TEXT NOT NULL,"
         " key_id TEXT NOT NULL, record TEXT NOT NULL, hash BLOB NOT NULL);"
         "CREATE INDEX audit_key ON audit (tenant, key_id, seq);" },
    { 2, "CREATE TABLE removals (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, "
         "link TEXT NOT NULL,"
         " content TEXT NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (tenant, id));" },
    { 3, "CREATE TABLE deny_lists (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT "
         "NULL, link TEXT NOT NULL,"
         " content TEXT NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (tenant, id));" },
    { 4,
      "CREATE TABLE release_counts (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT "
      "NULL, "
      "link TEXT NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (tenant, id));"
      "CREATE TABLE pending_changes (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT "
      "NULL, "
      "link TEXT NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (tenant, id));"
      "CREATE TABLE leases (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, "
      "link TEXT NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL, expires_at INTEGER NOT NULL "
      "DEFAULT 0, PRIMARY KEY (tenant, id));"
      "CREATE INDEX leases_end ON leases (expires_at);" },
    { 5, /* When to look at a key's versions again; what happens then its own record says. */
      "CREATE TABLE version_dates (due_at INTEGER NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,"
      " PRIMARY KEY (due_at, tenant, id));" },
    { 6,
      "CREATE TABLE guest_sessions (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT "
      "NULL, "
      "link TEXT NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL, expires_at INTEGER NOT NULL "
      "DEFAULT 0, PRIMARY KEY (tenant, id));"
      "CREATE UNIQUE INDEX guest_sessions_challenge ON guest_sessions (tenant, link);"
      "CREATE INDEX guest_sessions_end ON guest_sessions (expires_at);"
      "CREATE TABLE resource_paths (tenant TEXT NOT NULL, path TEXT NOT NULL, id TEXT NOT NULL, "
      "PRIMARY KEY (tenant, path));"
      "CREATE UNIQUE INDEX resource_paths_key ON resource_paths (tenant, id);" },
};
const size_t broker_schema_count = sizeof broker_schema / sizeof broker_schema[0];

#define COLUMNS "tenant, id, version, link, content, mac"

/* SQL must be literals: a row of them for each table. */
static const struct {
    const char *name, *read, *read_linked, *insert, *update, *remove, *version, *count, *list,
        *list_all;
} tables[] = {
#define TABLE(t)                                                                                   \
    {                                                                                              \
        t, "SELECT " COLUMNS " FROM " t " WHERE tenant = ?1 AND id = ?2",                          \
            "SELECT " COLUMNS " FROM " t                                                           \
            " WHERE tenant = ?1 AND link = ?2 AND link <> '' LIMIT 1",                             \
            "INSERT INTO " t " (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)",                     \
            "UPDATE " t " SET version = ?3, link = ?4, content = ?5, mac = ?6"                     \
            " WHERE tenant = ?1 AND id = ?2 AND version = ?3 - 1",                                 \
            "DELETE FROM " t " WHERE tenant = ?1 AND id = ?2",                                     \
            "SELECT version FROM " t " WHERE tenant = ?1 AND id = ?2",                             \
            "SELECT COUNT(*) FROM (SELECT 1 FROM " t " WHERE tenant = ?1 LIMIT ?2) AS some",       \
            "SELECT " COLUMNS " FROM " t " WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT 1000",  \
            "SELECT " COLUMNS " FROM " t " ORDER BY tenant, id LIMIT 1000"                         \
    }
    [ROW_KEYS] = TABLE("keys"),
    [ROW_POLICIES] = TABLE("transfer_policies"),
    [ROW_REMOVALS] = TABLE("removals"),
    [ROW_DENY_LISTS] = TABLE("deny_lists"),
    [ROW_RELEASE_COUNTS] = TABLE("release_counts"),
    [ROW_PENDING_CHANGES] = TABLE("pending_changes"),
    [ROW_LEASES] = TABLE("leases"),
    [ROW_GUEST_SESSIONS] = TABLE("guest_sessions"),
#undef TABLE
};

void row_done(struct row *r)
{
    buf_done(&r->content);
}

static fallible set_text(char *to, size_t max, struct span text)
{
    if (text.len > max)
        return FAIL(LIMIT, "a name is too long");
    if (text.len)
        memcpy(to, text.at, text.len);
    to[text.len] = 0;
    return OK;
}

fallible row_init(struct row *r, struct span tenant, struct span id, struct span link)
{
    *r = (struct row){ .version = 1, .content = buf_of(ROW_CONTENT_MAX) };
    TRY(set_text(r->tenant, TENANT_MAX, tenant));
    TRY(set_text(r->id, UUID_TEXT_SIZE - 1, id));
    return set_text(r->link, ROW_LINK_MAX, link);
}

static fallible row_mac(const struct secret *integrity, enum row_table table, const struct row *r,
                        uint8_t mac[SHA256_SIZE])
{
    struct buf b owned(buf_done) = buf_of(ROW_CONTENT_MAX + 1024);

    write_part(&b, SPAN("warder-row-v1"));
    write_part(&b, span_str(tables[table].name));
    write_part(&b, span_str(r->tenant));
    write_part(&b, span_str(r->id));
    write_u64be(&b, r->version);
    write_part(&b, span_str(r->link));
    write_part(&b, buf_span(&r->content));
    TRY(buf_check(&b));
    return hmac_sha256(integrity, buf_span(&b), mac);
}

/* The row under the statement, verified. */
static fallible take_row(struct statement *q, const struct secret *integrity, enum row_table table,
                         struct row *out)
{
    struct row r owned(row_done) = { .content = buf_of(ROW_CONTENT_MAX) };

    if (failed(row_init(&r, column_text(q, 0), column_text(q, 1), column_text(q, 3))))
        return FAIL(DENIED, "a stored record has impossible names");
    r.version = (uint64_t)column_int(q, 2);
    buf_add(&r.content, column_text(q, 4));
    TRY(buf_check(&r.content));
    TRY(row_mac(integrity, table, &r, r.mac));
    if (!span_equal_secret(SPAN_OF(r.mac), column_blob(q, 5)))
        return FAIL(DENIED, "a stored record was changed outside of keyd");
    *out = r;
    r.content = buf_of(0);
    return OK;
}

static fallible read_one(struct store *s, const struct secret *integrity, enum row_table table,
                         const char *sql, struct span tenant, struct span name, struct row *out)
{
    struct statement *q;
    bool found;

    TRY(store_query(s, sql, &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, name);
    TRY(store_step(q, &found));
    struct err e = found ? take_row(q, integrity, table, out) : FAIL(ABSENT, "no such record");
    store_reset(q);
    return e;
}

fallible row_read(struct store *s, const struct secret *integrity, enum row_table table,
                  struct span tenant, struct span id, struct row *out)
{
    return read_one(s, integrity, table, tables[table].read, tenant, id, out);
}

fallible row_read_linked(struct store *s, const struct secret *integrity, enum row_table table,
                         struct span tenant, struct span link, struct row *out)
{
    return read_one(s, integrity, table, tables[table].read_linked, tenant, link, out);
}

static fallible write_row(struct store *s, const struct secret *integrity, enum row_table table,
                          const char *sql, const struct row *r)
{
    uint8_t mac[SHA256_SIZE];
    struct statement *q;

    TRY(buf_check(&r->content));
    TRY(row_mac(integrity, table, r, mac));
    TRY(store_query(s, sql, &q));
    bind_str(q, 1, r->tenant);
    bind_str(q, 2, r->id);
    bind_int(q, 3, (int64_t)r->version);
    bind_str(q, 4, r->link);
    bind_text(q, 5, buf_span(&r->content));
    bind_blob(q, 6, SPAN_OF(mac));
    return store_run(q);
}

fallible row_insert(struct store *s, const struct secret *integrity, enum row_table table,
                    const struct row *r)
{
    return write_row(s, integrity, table, tables[table].insert, r);
}

fallible row_update(struct store *s, const struct secret *integrity, enum row_table table,
                    const struct row *r)
{
    TRY(write_row(s, integrity, table, tables[table].update, r));
    return store_changes(s) == 1 ? OK : FAIL(CONFLICT, "the record changed meanwhile");
}

fallible row_delete(struct store *s, enum row_table table, struct span tenant, struct span id)
{
    struct statement *q;

    TRY(store_query(s, tables[table].remove, &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    TRY(store_run(q));
    return store_changes(s) == 1 ? OK : FAIL(ABSENT, "no such record");
}

fallible row_version(struct store *s, enum row_table table, struct span tenant, struct span id,
                     uint64_t *version)
{
    struct statement *q;
    bool found;

    TRY(store_query(s, tables[table].version, &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    TRY(store_step(q, &found));
    *version = found ? (uint64_t)column_int(q, 0) : 0;
    store_reset(q);
    return OK;
}

fallible row_count(struct store *s, enum row_table table, struct span tenant, uint64_t max,
                   uint64_t *count)
{
    struct statement *q;
    bool found;

    TRY(store_query(s, tables[table].count, &q));
    bind_text(q, 1, tenant);
    bind_int(q, 2, (int64_t)max);
    TRY(store_step(q, &found));
    *count = found ? (uint64_t)column_int(q, 0) : 0;
    store_reset(q);
    return OK;
}

static fallible visit_all(struct statement *q, const struct secret *integrity, enum row_table table,
                          row_visitor *visit, void *context)
{
    struct err e = OK;

    for (bool more = true; more && !failed(e);) {
        struct row r owned(row_done) = { .content = buf_of(0) };
        e = store_step(q, &more);
        if (!failed(e) && more)
            e = take_row(q, integrity, table, &r);
        if (!failed(e) && more)
            e = visit(&r, context);
    }
    store_reset(q);
    return e;
}

fallible row_list(struct store *s, const struct secret *integrity, enum row_table table,
                  struct span tenant, struct span after, row_visitor *visit, void *context)
{
    struct statement *q;

    TRY(store_query(s, tables[table].list, &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, after);
    return visit_all(q, integrity, table, visit, context);
}

fallible row_list_all(struct store *s, const struct secret *integrity, enum row_table table,
                      row_visitor *visit, void *context)
{
    struct statement *q;

    TRY(store_query(s, tables[table].list_all, &q));
    return visit_all(q, integrity, table, visit, context);
}
