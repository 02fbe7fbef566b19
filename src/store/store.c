// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <assert.h>
#include <pthread.h>

#include "store/driver_internal.h"
#include "store/store_internal.h"

#define STATEMENT_SLOTS 256 /* a power of two */
#define STATEMENTS_MAX 192  /* SQL texts are literals, so a program has a fixed number of them */

struct statement {
    struct store *store;
    const char *sql;
    struct prepared *prepared;
    struct err pending; /* the first failed bind, told at the step */
    bool finished;
};

struct store {
    const struct store_driver *driver;
    struct connection *connection;
    pthread_mutex_t lock;
    struct statement *slots[STATEMENT_SLOTS];
    size_t statements;
};

static const struct store_driver *const drivers[] = { &sqlite_driver };

static const struct store_driver *driver_of(const char *url)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strncmp(url, drivers[i]->scheme, strlen(drivers[i]->scheme)) == 0)
            return drivers[i];
    return NULL;
}

fallible store_open(const char *url, struct store **out)
{
    const struct store_driver *driver = driver_of(url);
    if (!driver)
        return FAIL(INPUT, "unknown kind of database");

    owned(store_close) struct store *s = calloc(1, sizeof(*s));
    if (!s)
        return FAIL(SYSTEM, "out of memory in the store");
    s->driver = driver;
    pthread_mutex_init(&s->lock, NULL);
    TRY(driver->open(url + strlen(driver->scheme), &s->connection));
    *out = TAKE(s);
    return OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        if (s->slots[i])
            s->driver->finalize(s->slots[i]->prepared);
        free(s->slots[i]);
    }
    s->driver->close(s->connection);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void store_lock(struct store *s)
{
    pthread_mutex_lock(&s->lock);
}

void store_unlock(struct store *s)
{
    pthread_mutex_unlock(&s->lock);
}

static size_t slot_of(const char *sql)
{
    uint32_t h = 2166136261U; /* FNV-1a */

    for (; *sql; sql++)
        h = (h ^ (uint8_t)*sql) * 16777619U;
    return h % STATEMENT_SLOTS;
}

static fallible statement_add(struct store *s, const char *sql, struct statement **slot)
{
    if (s->statements == STATEMENTS_MAX)
        return FAIL(LIMIT, "too many different SQL statements");
    struct statement *q owned(free) = calloc(1, sizeof(*q));
    if (!q)
        return FAIL(SYSTEM, "out of memory in the store");
    q->store = s;
    q->sql = sql;
    TRY(s->driver->prepare(s->connection, sql, &q->prepared));
    s->statements++;
    *slot = TAKE(q);
    return OK;
}

fallible store_query(struct store *s, const char *sql, struct statement **out)
{
    size_t i = slot_of(sql);

    while (s->slots[i] && s->slots[i]->sql != sql && strcmp(s->slots[i]->sql, sql) != 0)
        i = (i + 1) % STATEMENT_SLOTS;
    if (!s->slots[i])
        TRY(statement_add(s, sql, &s->slots[i]));

    store_reset(s->slots[i]);
    s->slots[i]->pending = OK;
    s->slots[i]->finished = false;
    *out = s->slots[i];
    return OK;
}

fallible store_execute(struct store *s, const char *sql)
{
    return s->driver->execute(s->connection, sql);
}

static fallible run_word(struct store *s, const char *sql)
{
    struct statement *q;

    TRY(store_query(s, sql, &q));
    return store_run(q);
}

fallible store_begin(struct store *s)
{
    return run_word(s, s->driver->begin);
}

fallible store_commit(struct store *s)
{
    struct err e = run_word(s, "COMMIT");

    if (failed(e))
        store_rollback(s); /* the connection must not stay inside */
    return e;
}

void store_rollback(struct store *s)
{
    if (!s->driver->in_transaction(s->connection))
        return;
    struct err e = run_word(s, "ROLLBACK");
    (void)e; /* the database has rolled back by itself, or cannot be spoken to at all */
}

static void bind_value(struct statement *q, int at, struct value v)
{
    struct err e = q->store->driver->bind(q->prepared, at, &v);

    if (failed(e) && !failed(q->pending))
        q->pending = e;
}

void bind_text(struct statement *q, int at, struct span text)
{
    if (text.len && memchr(text.at, 0, text.len)) {
        q->pending = FAIL(INPUT, "text with a NUL character");
        return;
    }
    bind_value(q, at, (struct value){ .kind = VALUE_TEXT, .bytes = text });
}

void bind_str(struct statement *q, int at, const char *text)
{
    if (text)
        bind_text(q, at, span_str(text));
    else
        bind_null(q, at);
}

void bind_blob(struct statement *q, int at, struct span bytes)
{
    bind_value(q, at, (struct value){ .kind = VALUE_BLOB, .bytes = bytes });
}

void bind_int(struct statement *q, int at, int64_t v)
{
    bind_value(q, at, (struct value){ .kind = VALUE_INT, .number = v });
}

void bind_null(struct statement *q, int at)
{
    bind_value(q, at, (struct value){ .kind = VALUE_NULL });
}

fallible store_step(struct statement *q, bool *row)
{
    bool found = false;

    if (failed(q->pending))
        return q->pending;
    if (!q->finished) {
        struct err e = q->store->driver->step(q->prepared, &found);
        if (failed(e)) {
            store_reset(q);
            return e;
        }
        if (!found)
            store_reset(q);
    }
    *row = found;
    return OK;
}

fallible store_run(struct statement *q)
{
    bool row = true;

    while (row)
        TRY(store_step(q, &row));
    return OK;
}

void store_reset(struct statement *q)
{
    q->store->driver->rewind(q->prepared);
    q->finished = true;
}

int64_t store_changes(struct store *s)
{
    return s->driver->changes(s->connection);
}

static struct value column_of(struct statement *q, int at, enum value_kind wanted)
{
    assert(!q->finished);
    return q->store->driver->column(q->prepared, at, wanted);
}

struct span column_text(struct statement *q, int at)
{
    return column_of(q, at, VALUE_TEXT).bytes;
}

struct span column_blob(struct statement *q, int at)
{
    return column_of(q, at, VALUE_BLOB).bytes;
}

int64_t column_int(struct statement *q, int at)
{
    return column_of(q, at, VALUE_INT).number;
}

bool column_is_null(struct statement *q, int at)
{
    return column_of(q, at, VALUE_NULL).kind == VALUE_NULL;
}
