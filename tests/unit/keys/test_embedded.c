// SPDX-License-Identifier: Apache-2.0
#include "keys/embedded_internal.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "store/store.h"
#include "unit.h"

struct place {
    char folder[64], url[128], master[128];
    struct keystore *store;
};

static const struct key_spec aes = { KEY_ALGORITHM_AES, 256 };

static void place_open(struct place *p)
{
    assert_ok(embedded_open(&(struct embedded_config){ .store_url = p->url, .master_key_file = p->master }, &p->store));
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "/tmp/test_embedded_XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->url, sizeof p->url, "sqlite:%s/e.db", p->folder);
    snprintf(p->master, sizeof p->master, "%s/master.key", p->folder);
    place_open(p);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[128];
    keystore_close(p->store);
    snprintf(command, sizeof command, "rm -rf %s", p->folder);
    int rc = system(command);
    free(p);
    return rc;
}

static struct key_ref ref_of(const char *tenant, const char *id, uint64_t version)
{
    return (struct key_ref){ span_str(tenant), span_str(id), version, { 0 } };
}

static struct err fetch(struct place *p, const struct key_ref *ref, struct secret **out)
{
    struct key *to owned(key_free) = NULL;
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    assert_ok(key_make_ec(KEY_P256, &to));
    TRY(p->store->wrap_to(p->store, ref, &aes, to, NULL, &jwe));
    return jwe_open(to, buf_span(&jwe), NULL, out);
}

static void keeps_what_it_was_given_over_a_restart(void **state)
{
    struct place *p = *state;
    struct key_ref ref = ref_of("t", "k", 1);
    struct secret *given owned(secret_free) = NULL, *got owned(secret_free) = NULL;

    assert_ok(key_material_make(&aes, &given));
    assert_ok(p->store->import(p->store, &ref, &aes, given));
    keystore_close(p->store);
    place_open(p);
    assert_ok(fetch(p, &ref, &got));
    assert_true(secret_equal(given, got));
}

static void references_are_whole(void **state)
{
    struct place *p = *state;
    struct key_ref ref = ref_of("t", "k", 1), others[] = { ref_of("u", "k", 1), ref_of("t", "l", 1), ref_of("t", "k", 2) };
    struct key_ref external = { SPAN("t"), SPAN("x"), 1, SPAN("elsewhere") };
    struct secret *none = NULL;
    struct key_spec spec = aes;

    assert_ok(p->store->create(p->store, &ref, &aes));
    assert_fails(p->store->create(p->store, &ref, &aes), FAIL_CONFLICT);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_fails(fetch(p, &others[i], &none), FAIL_ABSENT);
    assert_fails(p->store->describe(p->store, &external, &spec), FAIL_ABSENT);
    assert_fails(p->store->create(p->store, &external, &aes), FAIL_INPUT);
    assert_ok(p->store->destroy(p->store, &ref));
    assert_ok(p->store->destroy(p->store, &ref)); /* absent is fine */
    assert_fails(fetch(p, &ref, &none), FAIL_ABSENT);
}

static void run_sql(struct place *p, const char *sql)
{
    struct store *s owned(store_close) = NULL;
    struct statement *q;
    assert_ok(store_open(p->url, &s));
    assert_ok(store_query(s, sql, &q));
    assert_ok(store_run(q));
}

static void a_moved_or_changed_row_does_not_open(void **state)
{
    static const char *const changes[] = {
        "UPDATE material SET id = 'other'",
        "UPDATE material SET tenant = 'u', id = 'k'",
        "UPDATE material SET tenant = 't', version = 2",
        "UPDATE material SET version = 1, sealed = substr(sealed, 1, length(sealed) - 1) || x'00'",
        "UPDATE material SET sealed = x'00'",
    };
    struct place *p = *state;
    struct key_ref ref = ref_of("t", "k", 1), after[] = { ref_of("t", "other", 1), ref_of("u", "k", 1), ref_of("t", "k", 2),
                                                         ref_of("t", "k", 1), ref_of("t", "k", 1) };
    struct secret *none = NULL;

    assert_ok(p->store->create(p->store, &ref, &aes));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        run_sql(p, changes[i]);
        assert_fails(fetch(p, &after[i], &none), FAIL_DENIED);
    }
}

static void another_master_key_opens_nothing(void **state)
{
    struct place *p = *state;
    struct key_ref ref = ref_of("t", "k", 1);
    struct keystore *none = NULL;
    struct secret *other owned(secret_free) = secret_new(32);

    assert_ok(p->store->create(p->store, &ref, &aes));
    keystore_close(p->store);
    p->store = NULL;
    assert_int_equal(unlink(p->master), 0);
    assert_ok(secret_save(p->master, other));
    assert_fails(embedded_open(&(struct embedded_config){ .store_url = p->url, .master_key_file = p->master }, &none), FAIL_DENIED);
}

/* As stores were before there were seals: rows under the file's own bytes, and no word of a seal. */
static void an_older_store_is_taken_over(void **state)
{
    struct place *p = *state;
    struct key_ref ref = ref_of("t", "k", 1);
    struct secret *file owned(secret_free) = NULL, *material owned(secret_free) = NULL, *got owned(secret_free) = NULL;
    struct buf associated owned(buf_done) = buf_of(1024), sealed owned(buf_done) = buf_of(1024);
    struct store *s = NULL;
    struct statement *q;

    assert_ok(secret_load(p->master, &file));
    assert_ok(key_material_make(&aes, &material));
    embedded_associated(&ref, &associated);
    assert_ok(aead_seal(file, buf_span(&associated), material, &sealed));
    run_sql(p, "DELETE FROM seal");
    run_sql(p, "DELETE FROM masters");
    assert_ok(store_open(p->url, &s));
    assert_ok(store_query(s, "INSERT INTO material VALUES ('t', 'k', 1, 1, ?1)", &q));
    bind_blob(q, 1, buf_span(&sealed));
    assert_ok(store_run(q));
    store_close(s);
    keystore_close(p->store);
    place_open(p);
    assert_ok(fetch(p, &ref, &got));
    assert_true(secret_equal(got, material));
}

static void master_key_is_private(void **state) /* L50 */
{
    struct place *p = *state;
    struct keystore *none = NULL;
    struct stat st;

    assert_int_equal(stat(p->master, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(p->master, 0644), 0);
    assert_true(failed(embedded_open(&(struct embedded_config){ .store_url = p->url, .master_key_file = p->master }, &none)));
    assert_null(none);
}

static void no_key_bytes_in_the_file(void **state) /* L36 */
{
    struct place *p = *state;
    struct key_ref ref = ref_of("t", "k", 1);
    struct secret *given owned(secret_free) = NULL;
    static const char *const names[] = { "e.db", "e.db-wal" };

    assert_ok(key_material_make(&aes, &given));
    assert_ok(p->store->import(p->store, &ref, &aes, given));
    for (size_t i = 0; i < 2; i++) {
        char path[160];
        struct buf text owned(buf_done) = buf_of(1U << 20);
        snprintf(path, sizeof path, "%s/%s", p->folder, names[i]);
        if (!failed(file_read(path, &text)))
            assert_int_equal(span_find(buf_span(&text), secret_expose(given)), text.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_it_was_given_over_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(references_are_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_moved_or_changed_row_does_not_open, setup, teardown),
        cmocka_unit_test_setup_teardown(another_master_key_opens_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_store_is_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(master_key_is_private, setup, teardown),
        cmocka_unit_test_setup_teardown(no_key_bytes_in_the_file, setup, teardown),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
