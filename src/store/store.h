// SPDX-License-Identifier: Apache-2.0
/*
 * A small SQL layer with one driver interface; SQLite (WAL, synchronous=FULL: a commit is durable
 * when it returns, foreign keys on) is the driver here. SQL is written in the part that SQLite and
 * PostgreSQL share; parameters are ?1, ?2, ...
 *
 * One struct store is one connection and is used by one thread at a time (store_lock/unlock when
 * shared). Prepared statements are cached by their SQL text, which must be a literal.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"

struct store;
struct statement; /* borrowed from the store; valid until the next store_query with the same text */

/* "sqlite:/path/file.db" or "sqlite::memory:". The file is created 0600. */
fallible store_open(const char *url, struct store **out);
void store_close(struct store *s);
OWNED_TYPE(struct store, store_close)
void store_lock(struct store *s);
void store_unlock(struct store *s);

struct migration {
    int version; /* 1, 2, ... without gaps */
    const char *sql;
};
/* Applies what is missing, each in a transaction, recorded in table schema_version. A newer schema
 * than the list knows is refused. */
fallible store_migrate(struct store *s, const struct migration *list, size_t count);

fallible store_begin(struct store *s); /* write intent from the start: no later upgrade to fail */
fallible store_commit(struct store *s);
void store_rollback(struct store *s); /* harmless without a transaction */

/* Prepares or reuses; parameters are cleared. */
fallible store_query(struct store *s, const char *sql, struct statement **out);
/* Parameters count from 1. Bound spans must live until the last step. A problem shows at the step.
 */
void bind_text(struct statement *q, int at, struct span text);
void bind_str(struct statement *q, int at, const char *text); /* NULL: SQL NULL */
void bind_blob(struct statement *q, int at, struct span bytes);
void bind_int(struct statement *q, int at, int64_t v);
void bind_null(struct statement *q, int at);
/* *row: a row is there to be read. A broken uniqueness or check is FAIL_CONFLICT, a full disk
 * FAIL_SYSTEM. */
fallible store_step(struct statement *q, bool *row);
fallible store_run(struct statement *q); /* steps to the end, for statements without rows */
void store_reset(struct statement *q);   /* ends a read before its last row */
int64_t store_changes(struct store *s);  /* rows changed by the last statement */
/* Columns count from 0; spans live until the next step. */
struct span column_text(struct statement *q, int at);
struct span column_blob(struct statement *q, int at);
int64_t column_int(struct statement *q, int at);
bool column_is_null(struct statement *q, int at);

#endif
