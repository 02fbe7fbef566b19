// SPDX-License-Identifier: Apache-2.0
#include "broker/commit.h"

#include <pthread.h>

#include "broker/audit_file.h"

#define JOURNAL_MAX (16U << 20)

struct waiting {
    commit_change *change;
    void *context;
    struct err result;
    bool done;
    struct waiting *next;
};

struct committer {
    struct store *store;
    struct audit_file *journal; /* NULL: none */
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool busy;
    struct waiting *first, **last;
};

fallible committer_open(struct store *store, const char *journal, struct committer **out)
{
    struct audit_file *file owned(audit_file_close) = NULL;

    if (journal)
        TRY(audit_file_open(journal, store, &file));
    struct committer *c = calloc(1, sizeof *c);
    if (!c)
        return FAIL(SYSTEM, "out of memory");
    c->journal = TAKE(file);
    c->store = store;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->finished, NULL);
    *out = c;
    return OK;
}

void committer_close(struct committer *c)
{
    if (!c)
        return;
    audit_file_close(c->journal);
    store_close(c->store);
    pthread_cond_destroy(&c->finished);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static fallible savepoint(struct store *s, const char *sql)
{
    struct statement *q;
    TRY(store_query(s, sql, &q));
    return store_run(q);
}

/* One change within the transaction: whole or not at all. */
static fallible apply(struct transaction *t, struct waiting *w)
{
    size_t written = t->journal->len;

    TRY(savepoint(t->store, "SAVEPOINT change"));
    w->result = w->change(t, w->context);
    if (failed(w->result)) {
        t->journal->len = written;
        TRY(savepoint(t->store, "ROLLBACK TO change"));
    }
    return savepoint(t->store, "RELEASE change");
}

static fallible apply_all(struct transaction *t, struct waiting *batch)
{
    TRY(store_begin(t->store));
    for (struct waiting *w = batch; w; w = w->next)
        TRY(apply(t, w));
    return store_commit(t->store);
}

bool committer_journal_behind(const struct committer *c)
{
    return c->journal && audit_file_behind(c->journal);
}

static void carry_out(struct committer *c, struct waiting *batch)
{
    struct buf journal owned(buf_done) = buf_of(JOURNAL_MAX);
    struct transaction t = { c->store, &journal };
    struct err e = apply_all(&t, batch);

    if (failed(e))
        store_rollback(c->store);
    else if (c->journal && journal.len)
        audit_file_append(c->journal, c->store, buf_span(&journal));
    for (struct waiting *w = batch; w; w = w->next)
        if (failed(e))
            w->result = e;
}

/* Called with the lock held. */
static struct waiting *take_batch(struct committer *c)
{
    struct waiting *batch = c->first, *end = c->first;

    for (size_t n = 1; n < COMMIT_BATCH_MAX && end->next; n++)
        end = end->next;
    c->first = end->next;
    if (!c->first)
        c->last = &c->first;
    end->next = NULL;
    return batch;
}

static void lead(struct committer *c, const struct waiting *own)
{
    c->busy = true;
    while (!own->done) {
        struct waiting *batch = take_batch(c);
        pthread_mutex_unlock(&c->lock);
        carry_out(c, batch);
        pthread_mutex_lock(&c->lock);
        for (struct waiting *w = batch, *next; w; w = next) {
            next = w->next; /* once done, its thread may go and take it along */
            w->done = true;
        }
        pthread_cond_broadcast(&c->finished);
    }
    c->busy = false;
}

fallible commit_run(struct committer *c, commit_change *change, void *context)
{
    struct waiting w = { .change = change, .context = context };

    pthread_mutex_lock(&c->lock);
    *c->last = &w;
    c->last = &w.next;
    while (!w.done) {
        if (!c->busy)
            lead(c, &w);
        else
            pthread_cond_wait(&c->finished, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return w.result;
}
