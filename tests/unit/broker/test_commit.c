// SPDX-License-Identifier: Apache-2.0
#include "broker/commit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "unit.h"

#define THREADS 32
#define EACH 20

static struct committer *fresh(const char *journal, struct store **reader, char path[64])
{
    struct committer *c = NULL;
    struct store *s = NULL;
    char url[80];
    static const struct migration schema[] = { { 1, "CREATE TABLE n (v INTEGER NOT NULL PRIMARY KEY)" },
                                              { 2, "CREATE TABLE audit (seq INTEGER NOT NULL PRIMARY KEY, record TEXT, hash BLOB)" } };

    snprintf(path, 64, "/tmp/test_commit_%d.db", getpid());
    unlink(path);
    snprintf(url, sizeof url, "sqlite:%s", path);
    assert_ok(store_open(url, &s));
    assert_ok(store_migrate(s, schema, 2));
    assert_ok(committer_open(s, journal, &c));
    assert_ok(store_open(url, reader));
    return c;
}

static struct err insert(struct transaction *t, void *context)
{
    struct statement *q;
    TRY(store_query(t->store, "INSERT INTO n (v) VALUES (?1)", &q));
    bind_int(q, 1, *(int64_t *)context);
    buf_addf(t->journal, "%lld\n", (long long)*(int64_t *)context);
    return store_run(q);
}

static int64_t count(struct store *s)
{
    struct statement *q;
    bool row;
    assert_ok(store_query(s, "SELECT count(*) FROM n", &q));
    assert_ok(store_step(q, &row));
    int64_t n = column_int(q, 0);
    store_reset(q);
    return n;
}

struct worker {
    struct committer *c;
    int64_t base;
    int good, conflicts;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    for (int64_t i = 0; i < EACH; i++) {
        int64_t own = w->base + i, shared = 1000000 + i; /* of the shared ones one thread wins each */
        struct err e = commit_run(w->c, insert, &own);
        w->good += !failed(e);
        e = commit_run(w->c, insert, &shared);
        w->good += !failed(e);
        w->conflicts += e.kind == FAIL_CONFLICT;
    }
    return NULL;
}

static void one_of_many_wins_and_neighbours_stay(void **state) /* L12 */
{
    struct store *reader owned(store_close) = NULL;
    char path[64];
    struct committer *c owned(committer_close) = fresh(NULL, &reader, path);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    int good = 0, conflicts = 0;
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ c, (int64_t)i * 1000, 0, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        good += workers[i].good;
        conflicts += workers[i].conflicts;
    }
    assert_int_equal(good, THREADS * EACH + EACH);
    assert_int_equal(conflicts, THREADS * EACH - EACH);
    assert_int_equal(count(reader), good);
    unlink(path);
}

static struct err insert_then_fail(struct transaction *t, void *context)
{
    TRY(insert(t, context));
    return FAIL(DENIED, "after all");
}

static void a_failed_change_leaves_nothing(void **state)
{
    struct store *reader owned(store_close) = NULL;
    char path[64], journal[80];
    struct buf text owned(buf_done) = buf_of(4096);
    int64_t one = 1, two = 2;
    (void)state;
    snprintf(journal, sizeof journal, "/tmp/test_commit_%d.log", getpid());
    unlink(journal);
    struct committer *c owned(committer_close) = fresh(journal, &reader, path);
    assert_fails(commit_run(c, insert_then_fail, &one), FAIL_DENIED);
    assert_int_equal(count(reader), 0);
    assert_ok(commit_run(c, insert, &two));
    assert_ok(commit_run(c, insert, &one));
    assert_int_equal(count(reader), 2);
    assert_ok(file_read(journal, &text));
    assert_string_equal(buf_str(&text), "2\n1\n");
    assert_false(committer_journal_behind(c));
    unlink(path);
    unlink(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_many_wins_and_neighbours_stay),
        cmocka_unit_test(a_failed_change_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
