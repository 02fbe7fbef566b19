// SPDX-License-Identifier: Apache-2.0
#include "store/driver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>

#include "base/log.h"
#include "base/owned.h"

#define BUSY_MS 5000

struct connection {
    sqlite3 *db;
};

/* A prepared statement is a sqlite3_stmt; the type is only named differently toward store.c. */
static sqlite3_stmt *stmt_of(struct prepared *p)
{
    return (sqlite3_stmt *)p;
}

static fallible failure_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return FAIL(CONFLICT, "the database refused a duplicate or inconsistent row");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FAIL(UPSTREAM, "the database is busy");
    case SQLITE_FULL:
        return FAIL(SYSTEM, "the disk of the database is full");
    case SQLITE_IOERR:
        return FAIL(SYSTEM, "reading or writing the database failed");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FAIL(SYSTEM, "the database file is damaged");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return FAIL(SYSTEM, "the database file cannot be opened or written");
    case SQLITE_NOMEM:
        return FAIL(SYSTEM, "out of memory in the database");
    case SQLITE_TOOBIG:
        return FAIL(LIMIT, "a value is too large for the database");
    default:
        return FAIL(SYSTEM, "the database refused a statement");
    }
}

/* A statement that SQLite does not understand is our own mistake: say which, for whoever wrote it.
 */
static fallible sql_failure_of(sqlite3 *db, int rc)
{
    if ((rc & 0xff) == SQLITE_ERROR)
        log_event(LOG_DEBUG, "SQL refused", "reason", sqlite3_errmsg(db), NULL);
    return failure_of(rc);
}

/* SQLite gives its -wal and -shm files the mode of the database file. */
static fallible create_private(const char *path)
{
    int fd owned(fd_close) = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return FAIL(SYSTEM, "the database file cannot be opened or written");
    return OK;
}

static void sqlite_close(struct connection *c)
{
    if (!c)
        return;
    sqlite3_close(c->db);
    free(c);
}
OWNED_TYPE(struct connection, sqlite_close)

static fallible sqlite_execute(struct connection *c, const char *sql)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? OK : sql_failure_of(c->db, rc);
}

static fallible sqlite_open(const char *address, struct connection **out)
{
    bool memory = strcmp(address, ":memory:") == 0;
    owned(sqlite_close) struct connection *c = calloc(1, sizeof(*c));

    if (!c)
        return FAIL(SYSTEM, "out of memory in the database");
    if (!memory)
        TRY(create_private(address));
    /* NOMUTEX: one thread at a time by contract (store_lock). */
    int rc = sqlite3_open_v2(
        address, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return failure_of(rc);
    sqlite3_busy_timeout(c->db, BUSY_MS);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    TRY(sqlite_execute(
        c, "PRAGMA journal_mode = WAL;"
           "PRAGMA synchronous = FULL;"
           "PRAGMA foreign_keys = ON;"
           "PRAGMA trusted_schema = OFF;"
           "PRAGMA cell_size_check = ON;"
           "PRAGMA secure_delete = FAST;"
           "PRAGMA temp_store = MEMORY;")); /* no files elsewhere: the sandbox has none */
    *out = TAKE(c);
    return OK;
}

static bool sqlite_in_transaction(struct connection *c)
{
    return !sqlite3_get_autocommit(c->db);
}

static int64_t sqlite_changes(struct connection *c)
{
    return sqlite3_changes64(c->db);
}

static fallible sqlite_prepare(struct connection *c, const char *sql, struct prepared **out)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &tail);

    if (rc != SQLITE_OK)
        return sql_failure_of(c->db, rc);
    if (!stmt || (tail && tail[strspn(tail, " \t\n;")] != '\0')) {
        sqlite3_finalize(stmt);
        return FAIL(SYSTEM, "not exactly one SQL statement");
    }
    *out = (struct prepared *)stmt;
    return OK;
}

static void sqlite_finalize(struct prepared *p)
{
    sqlite3_finalize(stmt_of(p));
}

static void sqlite_rewind(struct prepared *p)
{
    sqlite3_reset(stmt_of(p)); /* repeats the last step's result, known already */
    sqlite3_clear_bindings(stmt_of(p));
}

static fallible sqlite_bind(struct prepared *p, int at, const struct value *v)
{
    int rc = SQLITE_MISUSE;

    switch (v->kind) {
    case VALUE_NULL:
        rc = sqlite3_bind_null(stmt_of(p), at);
        break;
    case VALUE_INT:
        rc = sqlite3_bind_int64(stmt_of(p), at, v->number);
        break;
    case VALUE_TEXT: /* a NULL pointer would bind SQL NULL, not the empty text */
        rc = sqlite3_bind_text64(stmt_of(p), at, v->bytes.len ? (const char *)v->bytes.at : "",
                                 v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case VALUE_BLOB:
        rc = v->bytes.len
                 ? sqlite3_bind_blob64(stmt_of(p), at, v->bytes.at, v->bytes.len, SQLITE_STATIC)
                 : sqlite3_bind_zeroblob(stmt_of(p), at, 0);
        break;
    }
    return rc == SQLITE_OK ? OK : failure_of(rc);
}

static fallible sqlite_step(struct prepared *p, bool *row)
{
    int rc = sqlite3_step(stmt_of(p));

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return failure_of(rc);
    *row = rc == SQLITE_ROW;
    return OK;
}

static struct value sqlite_column(struct prepared *p, int at, enum value_kind wanted)
{
    struct value v = { .kind = VALUE_NULL };

    if (sqlite3_column_type(stmt_of(p), at) == SQLITE_NULL)
        return v;
    v.kind = wanted;
    switch (wanted) {
    case VALUE_NULL:
        v.kind = VALUE_INT; /* "is it NULL?": it is not */
        break;
    case VALUE_INT:
        v.number = sqlite3_column_int64(stmt_of(p), at);
        break;
    case VALUE_TEXT:
        v.bytes.at = sqlite3_column_text(stmt_of(p), at);
        v.bytes.len = (size_t)sqlite3_column_bytes(stmt_of(p), at);
        break;
    case VALUE_BLOB:
        v.bytes.at = sqlite3_column_blob(stmt_of(p), at);
        v.bytes.len = (size_t)sqlite3_column_bytes(stmt_of(p), at);
        break;
    }
    return v;
}

const struct store_driver sqlite_driver = {
    .scheme = "sqlite:",
    .open = sqlite_open,
    .close = sqlite_close,
    .execute = sqlite_execute,
    .in_transaction = sqlite_in_transaction,
    .changes = sqlite_changes,
    .begin = "BEGIN IMMEDIATE",
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .rewind = sqlite_rewind,
    .bind = sqlite_bind,
    .step = sqlite_step,
    .column = sqlite_column,
};
