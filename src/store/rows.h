// SPDX-License-Identifier: Apache-2.0
/* What nearly every statement is followed by: its check, and its rows as JSON. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "base/json.h"
#include "store/store.h"

/* Runs a statement that must change exactly one row; else FAIL_ABSENT with `absent`, a literal. */
fallible store_run_one(struct store *s, struct statement *q, const char *absent);

/* Makes a new reference of the row at hand. */
typedef struct err row_reader(struct statement *q, json_t **row);
/* The one row that a query gives, else FAIL_ABSENT with `absent`, a literal. */
fallible store_read_one(struct statement *q, row_reader *read, const char *absent, json_t **row);
/* All rows, at most `max`, appended to `list`. */
fallible store_read_all(struct statement *q, row_reader *read, size_t max, json_t *list);

/*
 * The store's lock for the rest of a scope; an open transaction is rolled back at its end, so that
 * no way out leaves one behind: struct store *guard owned(store_guard) = store_guarded(s);
 */
static inline struct store *store_guarded(struct store *s)
{
    store_lock(s);
    return s;
}

static inline void store_guardp(struct store **s)
{
    store_rollback(*s);
    store_unlock(*s);
}

#endif
