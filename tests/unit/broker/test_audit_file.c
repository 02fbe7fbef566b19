// SPDX-License-Identifier: Apache-2.0
#include "broker/audit_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/file.h"
#include "broker/audit.h"
#include "crypto/crypto.h"
#include "unit.h"

#define TEXT_MAX (64U << 10)

struct log {
    struct store *store;
    char path[64];
    struct buf whole; /* what a file that lacks nothing holds */
};

static const struct migration schema[] = { { 1, "CREATE TABLE audit (seq INTEGER NOT NULL PRIMARY KEY, id TEXT, tenant TEXT, "
                                                "key_id TEXT, record TEXT, hash BLOB)" } };

static void add_record(struct log *l, struct buf *lines)
{
    struct transaction t = { l->store, lines };
    json_t *record owned(json_free) = json_pack("{s:s,s:s,s:s,s:s}", "id", "x", "tenant", "default", "key_id", "", "decision", "done");

    assert_ok(audit_append(&t, record, 1700000000));
}

static void begin(struct log *l)
{
    *l = (struct log){ .whole = buf_of(TEXT_MAX) };
    snprintf(l->path, sizeof l->path, "/tmp/test_audit_file_%d.log", getpid());
    unlink(l->path);
    assert_ok(store_open("sqlite::memory:", &l->store));
    assert_ok(store_migrate(l->store, schema, 1));
    for (int i = 0; i < 3; i++)
        add_record(l, &l->whole);
}

static void end(struct log *l)
{
    store_close(l->store);
    buf_done(&l->whole);
    unlink(l->path);
}

static void holds(const struct log *l, struct span wanted)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);

    assert_ok(file_read(l->path, &text));
    assert_true(span_equal(buf_span(&text), wanted));
}

static void open_and_close(struct log *l)
{
    struct audit_file *f = NULL;

    assert_ok(audit_file_open(l->path, l->store, &f));
    assert_false(audit_file_behind(f));
    audit_file_close(f);
}

/* Killed anywhere between the commit and the last byte. */
static void what_a_kill_took_is_written_at_the_start(void **state)
{
    struct log l;
    (void)state;
    begin(&l);
    for (size_t n = 0; n <= l.whole.len; n++) {
        assert_ok(file_write(l.path, span_head(buf_span(&l.whole), n), 0600));
        open_and_close(&l);
        holds(&l, buf_span(&l.whole));
    }
    end(&l);
}

static void a_file_that_was_moved_away_begins_with_the_newest(void **state)
{
    struct log l;
    struct audit_place first;
    struct buf text owned(buf_done) = buf_of(4U << 20);
    (void)state;
    begin(&l);
    struct buf rest owned(buf_done) = buf_of(4U << 20);
    for (int i = 0; i < AUDIT_FILE_FIRST + 10; i++)
        add_record(&l, &rest);
    open_and_close(&l);
    assert_ok(file_read(l.path, &text));
    struct span line = span_head(buf_span(&text), span_find(buf_span(&text), SPAN("\n")));
    assert_ok(audit_line_place(line, &first));
    assert_int_equal(first.seq, 3 + 10); /* the place before it */
    end(&l);
}

static void foreign_lines_stay(void **state)
{
    struct log l;
    struct buf wanted owned(buf_done) = buf_of(TEXT_MAX);
    (void)state;
    begin(&l);
    buf_add_str(&wanted, "not a record\n");
    assert_ok(file_write(l.path, buf_span(&wanted), 0600));
    buf_add(&wanted, buf_span(&l.whole));
    open_and_close(&l);
    holds(&l, buf_span(&wanted));
    open_and_close(&l);
    holds(&l, buf_span(&wanted));
    end(&l);
}

static void a_full_disk_is_told_and_mended(void **state)
{
    struct log l;
    struct audit_file *f = NULL;
    struct rlimit before, small;
    (void)state;
    begin(&l);
    assert_ok(audit_file_open(l.path, l.store, &f));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = l.whole.len + 10;
    struct buf line owned(buf_done) = buf_of(TEXT_MAX);
    add_record(&l, &line);
    buf_add(&l.whole, buf_span(&line));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    audit_file_append(f, l.store, buf_span(&line));
    assert_true(audit_file_behind(f));
    audit_file_append(f, l.store, buf_span(&line));
    assert_true(audit_file_behind(f));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    buf_clear(&line);
    add_record(&l, &line);
    buf_add(&l.whole, buf_span(&line));
    audit_file_append(f, l.store, buf_span(&line));
    assert_false(audit_file_behind(f));
    holds(&l, buf_span(&l.whole));
    audit_file_close(f);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_kill_took_is_written_at_the_start),
        cmocka_unit_test(a_file_that_was_moved_away_begins_with_the_newest),
        cmocka_unit_test(foreign_lines_stay),
        cmocka_unit_test(a_full_disk_is_told_and_mended),
    };
    assert_ok(crypto_start(CRYPTO_MEMORY_PLAIN));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
