// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

static const struct migration first[] = {
    { 1, "CREATE TABLE item (tenant TEXT NOT NULL, id TEXT NOT NULL, n BIGINT CHECK (n < 100), data BLOB,"
         " PRIMARY KEY (tenant, id)); CREATE TABLE part (item BIGINT REFERENCES absent (id));" },
};
static const struct migration second[] = {
    { 1, "this text must not run again" },
    { 2, "ALTER TABLE item ADD COLUMN extra TEXT" },
};
static const struct migration broken[] = {
    { 1, "CREATE TABLE item (id TEXT)" },
    { 2, "CREATE TABLE other (id TEXT); CREATE TABLE item (id TEXT)" },
};

struct fixture {
    char dir[64], path[96], url[112];
    struct store *s;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->dir, "/tmp/warder-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/test.db", f->dir);
    snprintf(f->url, sizeof(f->url), "sqlite:%s", f->path);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    store_close(f->s);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void open_with(struct fixture *f, const struct migration *list, size_t count)
{
    assert_ok(store_open(f->url, &f->s));
    assert_ok(store_migrate(f->s, list, count));
}

static struct err insert(struct store *s, const char *id, int64_t n, struct span data)
{
    struct statement *q;

    TRY(store_query(s, "INSERT INTO item (tenant, id, n, data) VALUES (?1, ?2, ?3, ?4)", &q));
    bind_str(q, 1, "default");
    bind_str(q, 2, id);
    bind_int(q, 3, n);
    bind_blob(q, 4, data);
    return store_run(q);
}

static int64_t count_items(struct store *s)
{
    struct statement *q;
    bool row;

    assert_ok(store_query(s, "SELECT count(*) FROM item", &q));
    assert_ok(store_step(q, &row));
    assert_true(row);
    int64_t n = column_int(q, 0);
    assert_ok(store_step(q, &row));
    assert_false(row);
    return n;
}

static void test_values_round_trip(void **state)
{
    struct fixture *f = *state;
    struct statement *q;
    bool row;

    open_with(f, first, 1);
    assert_ok(insert(f->s, "a", -5, SPAN("\0\1\2")));
    assert_ok(store_query(f->s, "SELECT tenant, id, n, data FROM item WHERE id = ?1", &q));
    bind_text(q, 1, SPAN("a"));
    assert_ok(store_step(q, &row));
    assert_true(row);
    assert_true(span_equal(column_text(q, 0), SPAN("default")));
    assert_true(span_equal(column_text(q, 1), SPAN("a")));
    assert_int_equal(column_int(q, 2), -5);
    assert_true(span_equal(column_blob(q, 3), SPAN("\0\1\2")));
    assert_false(column_is_null(q, 3));
    assert_ok(store_step(q, &row));
    assert_false(row);
    assert_ok(store_step(q, &row)); /* stays at its end, does not start again */
    assert_false(row);
}

static void test_empty_is_not_null(void **state)
{
    struct fixture *f = *state;
    struct statement *q;
    bool row;

    open_with(f, first, 1);
    assert_ok(store_query(f->s, "SELECT ?1, ?2, ?3, ?4, ?5", &q));
    bind_text(q, 1, (struct span){ 0 });
    bind_blob(q, 2, (struct span){ 0 });
    bind_str(q, 3, NULL);
    bind_null(q, 4);
    assert_ok(store_step(q, &row)); /* ?5 is not bound */
    assert_false(column_is_null(q, 0));
    assert_false(column_is_null(q, 1));
    assert_true(column_is_null(q, 2));
    assert_true(column_is_null(q, 3));
    assert_true(column_is_null(q, 4));
    assert_int_equal(column_text(q, 0).len, 0);
    assert_int_equal(column_text(q, 2).len, 0);
}

static void test_conflicts(void **state)
{
    struct fixture *f = *state;

    open_with(f, first, 1);
    assert_ok(insert(f->s, "a", 1, SPAN("x")));
    assert_fails(insert(f->s, "a", 2, SPAN("y")), FAIL_CONFLICT);   /* unique */
    assert_fails(insert(f->s, "b", 100, SPAN("y")), FAIL_CONFLICT); /* check */
    assert_fails(insert(f->s, NULL, 1, SPAN("y")), FAIL_CONFLICT);  /* not null */
    assert_int_equal(count_items(f->s), 1);
    assert_ok(insert(f->s, "b", 3, SPAN("y"))); /* the cached statement is usable again */
    assert_int_equal(store_changes(f->s), 1);
}

static void test_bad_parameters_show_at_the_step(void **state)
{
    struct fixture *f = *state;
    struct statement *q;
    bool row = true;

    open_with(f, first, 1);
    assert_ok(store_query(f->s, "SELECT ?1", &q));
    bind_int(q, 2, 1); /* no such parameter */
    assert_true(failed(store_step(q, &row)));
    assert_ok(store_query(f->s, "SELECT ?1", &q));
    bind_text(q, 1, SPAN("a\0b"));
    assert_fails(store_step(q, &row), FAIL_INPUT);
    assert_true(row); /* unchanged on failure */
    assert_ok(store_query(f->s, "SELECT ?1", &q));
    bind_int(q, 1, 7);
    assert_ok(store_step(q, &row));
    assert_int_equal(column_int(q, 0), 7);
    assert_true(failed(store_query(f->s, "SELEC", &q)));
    assert_true(failed(store_query(f->s, "SELECT 1; SELECT 2", &q)));
}

static void test_transactions(void **state)
{
    struct fixture *f = *state;

    open_with(f, first, 1);
    store_rollback(f->s); /* harmless */
    assert_ok(store_begin(f->s));
    assert_ok(insert(f->s, "a", 1, SPAN("x")));
    store_rollback(f->s);
    assert_int_equal(count_items(f->s), 0);

    assert_ok(store_begin(f->s));
    assert_ok(insert(f->s, "a", 1, SPAN("x")));
    assert_fails(insert(f->s, "a", 1, SPAN("x")), FAIL_CONFLICT); /* the transaction lives on */
    assert_ok(store_commit(f->s));
    assert_int_equal(count_items(f->s), 1);
    assert_true(failed(store_commit(f->s)));
    assert_ok(store_begin(f->s));
    assert_true(failed(store_begin(f->s)));
    store_rollback(f->s);
}

static void test_second_writer_waits_or_is_told(void **state)
{
    struct fixture *f = *state;
    owned(store_close) struct store *other = NULL;
    struct statement *q;

    open_with(f, first, 1);
    assert_ok(store_open(f->url, &other));
    assert_ok(store_query(other, "PRAGMA busy_timeout = 10", &q));
    assert_ok(store_run(q));
    assert_ok(store_begin(f->s));
    assert_fails(store_begin(other), FAIL_UPSTREAM);
    assert_ok(store_commit(f->s));
    assert_ok(store_begin(other));
    assert_ok(store_commit(other));
}

/* A commit that returned survives the death of the process at once. */
static void test_durable_after_kill(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();

    if (child == 0) {
        struct store *s;
        if (failed(store_open(f->url, &s)) || failed(store_migrate(s, first, 1)) || failed(store_begin(s)) ||
            failed(insert(s, "a", 1, SPAN("x"))) || failed(store_commit(s)) || failed(store_begin(s)) ||
            failed(insert(s, "b", 2, SPAN("y"))))
            _exit(1);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    open_with(f, first, 1);
    assert_int_equal(count_items(f->s), 1);
}

static int64_t pragma(struct store *s, const char *sql)
{
    struct statement *q;
    bool row;

    assert_ok(store_query(s, sql, &q));
    assert_ok(store_step(q, &row));
    assert_true(row);
    int64_t v = column_int(q, 0);
    store_reset(q);
    return v;
}

static void test_settings(void **state)
{
    struct fixture *f = *state;
    struct statement *q;
    bool row;

    open_with(f, first, 1);
    assert_int_equal(pragma(f->s, "PRAGMA synchronous"), 2);
    assert_int_equal(pragma(f->s, "PRAGMA foreign_keys"), 1);
    assert_ok(store_query(f->s, "PRAGMA journal_mode", &q));
    assert_ok(store_step(q, &row));
    assert_true(span_equal_str(column_text(q, 0), "wal"));
}

static void test_file_mode(void **state) /* L49: no key file readable by others, also not for a moment */
{
    struct fixture *f = *state;
    mode_t old = umask(0);
    const char *const endings[] = { "", "-wal", "-shm" };

    open_with(f, first, 1);
    assert_ok(insert(f->s, "a", 1, SPAN("x")));
    umask(old);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof(path), "%s%s", f->path, endings[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void test_open_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s = NULL;

    assert_fails(store_open("oracle:x", &s), FAIL_INPUT);
    assert_fails(store_open("sqlite:/nonexistent/x.db", &s), FAIL_SYSTEM);
    int fd = open(f->path, O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 100; i++)
        assert_int_equal(write(fd, "this is no database ", 20), 20);
    close(fd);
    assert_fails(store_open(f->url, &s), FAIL_SYSTEM);
    assert_null(s);
}

static void test_migrations(void **state)
{
    struct fixture *f = *state;

    open_with(f, first, 1);
    assert_ok(insert(f->s, "a", 1, SPAN("x")));
    assert_ok(store_migrate(f->s, second, 2)); /* only the second step runs */
    assert_int_equal(pragma(f->s, "SELECT count(*) FROM item WHERE extra IS NULL"), 1);
    assert_int_equal(pragma(f->s, "SELECT max(version) FROM schema_version"), 2);
    assert_ok(store_migrate(f->s, second, 2));
    assert_fails(store_migrate(f->s, first, 1), FAIL_CONFLICT); /* made by a newer program */
}

static void test_broken_migration_leaves_the_last_good_version(void **state)
{
    struct fixture *f = *state;
    struct statement *q;

    assert_ok(store_open(f->url, &f->s));
    assert_true(failed(store_migrate(f->s, broken, 2)));
    assert_int_equal(pragma(f->s, "SELECT max(version) FROM schema_version"), 1);
    assert_true(failed(store_query(f->s, "SELECT * FROM other", &q)));
}

static void test_statement_cache(void **state)
{
    struct fixture *f = *state;
    struct statement *a, *b, *c;
    char copy[] = "SELECT 1";

    open_with(f, first, 1);
    assert_ok(store_query(f->s, "SELECT 1", &a));
    assert_ok(store_query(f->s, copy, &b)); /* by text, not by address */
    assert_ok(store_query(f->s, "SELECT 2", &c));
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
}

static void *adder(void *arg)
{
    struct store *s = arg;

    for (int i = 0; i < 50; i++) {
        struct statement *q;
        store_lock(s);
        assert_ok(store_query(s, "UPDATE item SET n = n + 1", &q));
        assert_ok(store_run(q));
        store_unlock(s);
    }
    return NULL;
}

static void test_shared_by_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t t;

    assert_ok(store_open("sqlite::memory:", &f->s));
    assert_ok(store_migrate(f->s, first, 1));
    assert_ok(insert(f->s, "a", -100, SPAN("x")));
    pthread_create(&t, NULL, adder, f->s);
    adder(f->s);
    pthread_join(t, NULL);
    assert_int_equal(pragma(f->s, "SELECT n FROM item"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_round_trip),
        TEST(test_empty_is_not_null),
        TEST(test_conflicts),
        TEST(test_bad_parameters_show_at_the_step),
        TEST(test_transactions),
        TEST(test_second_writer_waits_or_is_told),
        TEST(test_durable_after_kill),
        TEST(test_settings),
        TEST(test_file_mode),
        TEST(test_open_refused),
        TEST(test_migrations),
        TEST(test_broken_migration_leaves_the_last_good_version),
        TEST(test_statement_cache),
        TEST(test_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
