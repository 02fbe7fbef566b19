// SPDX-License-Identifier: Apache-2.0
#include "broker/row.h"

#include "broker/audit.h"
#include "broker/commit.h"
#include "crypto/crypto.h"
#include "unit.h"

static struct secret *integrity;

static struct store *fresh(void)
{
    struct store *s = NULL;
    assert_ok(store_open("sqlite::memory:", &s));
    assert_ok(store_migrate(s, broker_schema, broker_schema_count));
    return s;
}

static void add(struct store *s, enum row_table table, const char *id, const char *link, const char *content)
{
    struct row r owned(row_done) = { 0 };
    assert_ok(row_init(&r, SPAN("t"), span_str(id), span_str(link)));
    buf_add_str(&r.content, content);
    assert_ok(row_insert(s, integrity, table, &r));
}

static void run(struct store *s, const char *sql)
{
    struct statement *q;
    assert_ok(store_query(s, sql, &q));
    assert_ok(store_run(q));
}

static void reads_what_was_written(void **state)
{
    struct store *s owned(store_close) = fresh();
    struct row r owned(row_done) = { 0 }, named owned(row_done) = { 0 }, none owned(row_done) = { 0 };
    (void)state;
    add(s, ROW_POLICIES, "p", "web", "{}");
    add(s, ROW_KEYS, "k", "p", "{\"a\":1}");
    assert_ok(row_read(s, integrity, ROW_KEYS, SPAN("t"), SPAN("k"), &r));
    assert_true(span_equal_str(buf_span(&r.content), "{\"a\":1}") && r.version == 1 && !strcmp(r.link, "p"));
    assert_ok(row_read_linked(s, integrity, ROW_POLICIES, SPAN("t"), SPAN("web"), &named));
    assert_string_equal(named.id, "p");
    assert_fails(row_read(s, integrity, ROW_KEYS, SPAN("u"), SPAN("k"), &none), FAIL_ABSENT);
    assert_fails(row_read_linked(s, integrity, ROW_POLICIES, SPAN("t"), SPAN(""), &none), FAIL_ABSENT);
}

static void every_changed_column_is_noticed(void **state)
{
    static const char *const changes[] = {
        "UPDATE keys SET content = '{\"a\":2}'", "UPDATE keys SET link = 'q'", "UPDATE keys SET version = 2",
        "UPDATE keys SET mac = x'00'",           "UPDATE keys SET mac = zeroblob(32)",
        "UPDATE keys SET tenant = 'u'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct store *s owned(store_close) = fresh();
        struct row r owned(row_done) = { 0 };
        add(s, ROW_POLICIES, "p", "", "{}");
        add(s, ROW_POLICIES, "q", "", "{}");
        run(s, "INSERT INTO transfer_policies SELECT 'u', id, version, link, content, mac FROM transfer_policies WHERE id = 'p'");
        add(s, ROW_KEYS, "k", "p", "{\"a\":1}");
        run(s, changes[i]);
        assert_fails(row_read(s, integrity, ROW_KEYS, span_str(i == 5 ? "u" : "t"), SPAN("k"), &r), FAIL_DENIED);
    }
}

static void a_row_is_of_its_table_and_id(void **state) /* L48 */
{
    struct store *s owned(store_close) = fresh();
    struct row r owned(row_done) = { 0 };
    (void)state;
    add(s, ROW_POLICIES, "p", "", "{}");
    add(s, ROW_KEYS, "k", "p", "{}");
    run(s, "INSERT INTO transfer_policies SELECT tenant, id, version, link, content, mac FROM keys");
    assert_fails(row_read(s, integrity, ROW_POLICIES, SPAN("t"), SPAN("k"), &r), FAIL_DENIED);
    run(s, "INSERT INTO keys SELECT tenant, 'k2', version, link, content, mac FROM keys WHERE id = 'k'");
    assert_fails(row_read(s, integrity, ROW_KEYS, SPAN("t"), SPAN("k2"), &r), FAIL_DENIED);
}

static void another_integrity_key_reads_nothing(void **state)
{
    struct store *s owned(store_close) = fresh();
    struct secret *other owned(secret_free) = NULL;
    struct row r owned(row_done) = { 0 };
    (void)state;
    assert_ok(random_secret(32, &other));
    add(s, ROW_POLICIES, "p", "", "{}");
    assert_fails(row_read(s, other, ROW_POLICIES, SPAN("t"), SPAN("p"), &r), FAIL_DENIED);
}

static void updates_count_versions(void **state)
{
    struct store *s owned(store_close) = fresh();
    struct row r owned(row_done) = { 0 };
    uint64_t version;
    (void)state;
    add(s, ROW_POLICIES, "p", "a", "{}");
    add(s, ROW_POLICIES, "q", "b", "{}");
    assert_ok(row_init(&r, SPAN("t"), SPAN("p"), SPAN("a")));
    buf_add_str(&r.content, "{\"x\":1}");
    r.version = 2;
    assert_ok(row_update(s, integrity, ROW_POLICIES, &r));
    assert_fails(row_update(s, integrity, ROW_POLICIES, &r), FAIL_CONFLICT); /* somebody was faster */
    r.version = 3;
    strcpy(r.link, "b");
    assert_fails(row_update(s, integrity, ROW_POLICIES, &r), FAIL_CONFLICT); /* the name is taken */
    assert_ok(row_version(s, ROW_POLICIES, SPAN("t"), SPAN("p"), &version));
    assert_int_equal(version, 2);
    assert_ok(row_version(s, ROW_POLICIES, SPAN("t"), SPAN("z"), &version));
    assert_int_equal(version, 0);
}

static void a_used_policy_stays(void **state)
{
    struct store *s owned(store_close) = fresh();
    (void)state;
    add(s, ROW_POLICIES, "p", "", "{}");
    add(s, ROW_KEYS, "k", "p", "{}");
    assert_fails(row_delete(s, ROW_POLICIES, SPAN("t"), SPAN("p")), FAIL_CONFLICT);
    assert_ok(row_delete(s, ROW_KEYS, SPAN("t"), SPAN("k")));
    assert_ok(row_delete(s, ROW_POLICIES, SPAN("t"), SPAN("p")));
    assert_fails(row_delete(s, ROW_POLICIES, SPAN("t"), SPAN("p")), FAIL_ABSENT);
}

static struct err add_records(struct transaction *t, void *context)
{
    int count = *(int *)context;
    for (int i = 0; i < count; i++) {
        char id[UUID_TEXT_SIZE];
        TRY(random_uuid(id));
        json_t *r owned(json_free) = json_pack("{s:s,s:s,s:s,s:i}", "id", id, "tenant", "t", "key_id", "k", "n", i);
        TRY(audit_append(t, r, 1795435200));
    }
    return OK;
}

static void the_chain_shows_changes(void **state)
{
    static const char *const changes[] = {
        "UPDATE audit SET record = replace(record, '\"n\":3', '\"n\":4') WHERE seq = 4",
        "UPDATE audit SET hash = zeroblob(32) WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 1",
    };
    int count = 6;
    bool good;
    int64_t at;
    (void)state;
    for (size_t i = 0; i <= sizeof changes / sizeof changes[0]; i++) {
        struct store *s owned(store_close) = fresh();
        struct buf journal owned(buf_done) = buf_of(1U << 20);
        struct transaction t = { s, &journal };
        assert_ok(add_records(&t, &count));
        assert_ok(audit_check(s, &good, &at));
        assert_true(good);
        if (i == sizeof changes / sizeof changes[0])
            break;
        run(s, changes[i]);
        assert_ok(audit_check(s, &good, &at));
        assert_false(good);
        assert_true(at > 0);
    }
}

/* Each line of the file, its end cut off. */
static bool lines_follow(struct span text, struct audit_place *at)
{
    bool good = true;
    while (text.len && good) {
        size_t end = span_find(text, SPAN("\n"));
        assert_ok(audit_line_follows(span_head(text, end), at, &good));
        text = span_tail(text, end + 1);
    }
    return good;
}

static void the_file_shows_changes(void **state)
{
    struct store *s owned(store_close) = fresh();
    struct buf journal owned(buf_done) = buf_of(1U << 20);
    struct transaction t = { s, &journal };
    struct audit_place end = { 0 }, middle;
    int count = 4;
    (void)state;
    assert_ok(add_records(&t, &count));
    struct span text = buf_span(&journal), later = span_tail(text, span_find(text, SPAN("\n")) + 1);
    assert_true(lines_follow(text, &end));
    assert_int_equal(end.seq, 4);
    assert_ok(audit_line_place(span_head(later, span_find(later, SPAN("\n"))), &middle));
    assert_int_equal(middle.seq, 1);
    assert_true(lines_follow(later, &middle));
    assert_memory_equal(middle.hash, end.hash, sizeof end.hash);
    struct audit_place start = { 0 };
    assert_false(lines_follow(later, &start)); /* the first is missing */
    for (size_t i = 0; i < span_find(text, SPAN("\n")); i++) { /* any byte of a line */
        struct audit_place at = { 0 };
        journal.at[i] ^= 1;
        assert_false(lines_follow(text, &at));
        journal.at[i] ^= 1;
    }
    for (size_t len = 0; len < span_find(text, SPAN("\n")); len++) {
        struct audit_place at = { 0 };
        bool good = true;
        assert_ok(audit_line_follows(span_head(text, len), &at, &good));
        assert_false(good);
        assert_fails(audit_line_place(span_head(text, len), &at), FAIL_INPUT);
    }
}

static void records_are_listed_by_tenant_and_key(void **state)
{
    struct store *s owned(store_close) = fresh();
    struct buf journal owned(buf_done) = buf_of(1U << 20);
    struct transaction t = { s, &journal };
    json_t *all owned(json_free) = NULL, *two owned(json_free) = NULL, *none owned(json_free) = NULL, *one owned(json_free) = NULL;
    int count = 5;
    (void)state;
    assert_ok(add_records(&t, &count));
    assert_ok(audit_list(s, &(struct audit_filter){ .tenant = SPAN("t") }, &all));
    assert_int_equal(json_array_size(all), 5);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(all, 0), "seq")), 5);
    assert_ok(audit_list(s, &(struct audit_filter){ .tenant = SPAN("t"), .before = 4, .limit = 2 }, &two));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(two, 0), "seq")), 3);
    assert_int_equal(json_array_size(two), 2);
    assert_ok(audit_list(s, &(struct audit_filter){ .tenant = SPAN("u") }, &none));
    assert_int_equal(json_array_size(none), 0);
    assert_ok(audit_read(s, SPAN("t"), SPAN("2"), &one));
    assert_fails(audit_read(s, SPAN("u"), SPAN("2"), &none), FAIL_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(every_changed_column_is_noticed),
        cmocka_unit_test(a_row_is_of_its_table_and_id),
        cmocka_unit_test(another_integrity_key_reads_nothing),
        cmocka_unit_test(updates_count_versions),
        cmocka_unit_test(a_used_policy_stays),
        cmocka_unit_test(the_chain_shows_changes),
        cmocka_unit_test(the_file_shows_changes),
        cmocka_unit_test(records_are_listed_by_tenant_and_key),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(random_secret(32, &integrity)))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    secret_free(integrity);
    return rc;
}
