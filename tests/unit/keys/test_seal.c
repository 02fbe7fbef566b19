// SPDX-License-Identifier: Apache-2.0
/* The seal of the embedded key manager: each kind, changes from one to another, and a new master key. */
#include "keys/seal.h"

#include <stdio.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "keys/embedded_internal.h"
#include "unit.h"

#define WORDS "correct horse battery"

static const struct key_spec aes = { KEY_ALGORITHM_AES, 256 };

/* An HSM that turns bits around, or is away. */
struct fake_hsm {
    struct seal_hsm face;
    bool away;
};

static struct err fake_wrap(struct seal_hsm *self, const struct secret *root, struct buf *out)
{
    if (((struct fake_hsm *)self)->away)
        return FAIL(UPSTREAM, "away");
    for (size_t i = 0; i < secret_len(root); i++)
        buf_add_u8(out, secret_expose(root).at[i] ^ 0xa5);
    return OK;
}

static struct err fake_unwrap(struct seal_hsm *self, struct span wrapped, struct secret **root)
{
    if (((struct fake_hsm *)self)->away)
        return FAIL(UPSTREAM, "away");
    *root = secret_copy(wrapped);
    for (size_t i = 0; i < wrapped.len; i++)
        secret_fill(*root)[i] ^= 0xa5;
    return OK;
}

struct place {
    char folder[64], url[128], master[128], lines[SHARES_MAX][256];
    size_t line_count;
    struct fake_hsm hsm;
    enum seal_kind kind;
    struct keystore *store;
};

static void place_open(struct place *p)
{
    struct embedded_config c = { p->url, p->master, p->kind, &p->hsm.face };
    assert_ok(embedded_open(&c, &p->store));
}

static void reopen(struct place *p)
{
    keystore_close(p->store);
    p->store = NULL;
    place_open(p);
}

static struct place *make(void **state, enum seal_kind kind)
{
    struct place *p = calloc(1, sizeof *p);
    p->hsm.face = (struct seal_hsm){ fake_wrap, fake_unwrap };
    p->kind = kind;
    snprintf(p->folder, sizeof p->folder, "/tmp/test_seal_XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->url, sizeof p->url, "sqlite:%s/e.db", p->folder);
    snprintf(p->master, sizeof p->master, "%s/master.key", p->folder);
    place_open(p);
    *state = p;
    return p;
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

static struct err act(struct place *p, struct seal_question q)
{
    struct seal_answer a owned(seal_answer_done) = { 0 };
    TRY(p->store->seal(p->store, &q, &a));
    if (!a.shares)
        return OK;
    char text[8192], *rest = NULL;
    snprintf(text, sizeof text, "%.*s", (int)secret_len(a.shares), (const char *)secret_expose(a.shares).at);
    p->line_count = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        snprintf(p->lines[p->line_count++], sizeof p->lines[0], "%s", line);
    return OK;
}

static int64_t number(struct place *p, const char *name)
{
    struct seal_question q = { .act = SEAL_STATUS };
    struct seal_answer a owned(seal_answer_done) = { 0 };
    assert_ok(p->store->seal(p->store, &q, &a));
    return json_integer_value(json_object_get(a.status, name));
}

static struct err give(struct place *p, enum seal_act what, const char *text)
{
    return act(p, (struct seal_question){ .act = what, .given = span_str(text), .fresh = SPAN(WORDS " again") });
}

static bool open_now(struct place *p)
{
    struct err e = p->store->health(p->store);
    assert_true(!failed(e) || keystore_is_sealed(e));
    return !failed(e);
}

static struct key_ref ref_of(uint64_t number)
{
    return (struct key_ref){ SPAN("t"), SPAN("k"), number, { 0 } };
}

static void make_keys(struct place *p, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        struct key_ref ref = ref_of(i);
        assert_ok(p->store->create(p->store, &ref, &aes));
    }
}

static void all_open(struct place *p, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        struct key_ref ref = ref_of(i);
        struct key_spec spec = aes;
        assert_ok(p->store->describe(p->store, &ref, &spec));
    }
}

static void nothing_before_it_is_initialized(void **state)
{
    static const enum seal_kind kinds[] = { SEAL_PASSPHRASE, SEAL_SHAMIR, SEAL_HSM };
    for (size_t i = 0; i < 3; i++) {
        struct place *p = make(state, kinds[i]);
        struct key_ref ref = ref_of(1);
        assert_false(open_now(p));
        assert_true(keystore_is_sealed(p->store->create(p->store, &ref, &aes)));
        assert_fails(act(p, (struct seal_question){ .act = SEAL_UNSEAL }), FAIL_INPUT);
        assert_fails(act(p, (struct seal_question){ .act = SEAL_CLOSE }), FAIL_INPUT);
        assert_fails(act(p, (struct seal_question){ .act = SEAL_ROTATE }), FAIL_UPSTREAM);
        assert_false(file_exists(p->master));
        assert_int_equal(teardown(state), 0);
    }
}

static void shares_open_it_one_by_one(void **state)
{
    struct place *p = make(state, SEAL_SHAMIR);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_INIT }));
    assert_int_equal(p->line_count, 5);
    assert_fails(act(p, (struct seal_question){ .act = SEAL_INIT }), FAIL_CONFLICT);
    make_keys(p, 1, 2);
    reopen(p);
    assert_false(open_now(p));
    assert_ok(give(p, SEAL_UNSEAL, p->lines[4]));
    assert_fails(give(p, SEAL_UNSEAL, p->lines[4]), FAIL_CONFLICT);
    assert_ok(give(p, SEAL_UNSEAL, p->lines[0]));
    assert_int_equal(number(p, "shares_given"), 2);
    assert_false(open_now(p));
    assert_ok(give(p, SEAL_UNSEAL, p->lines[2]));
    assert_true(open_now(p));
    all_open(p, 2);
    assert_int_equal(number(p, "shares_given"), 0);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_CLOSE }));
    assert_false(open_now(p));
    assert_int_equal(teardown(state), 0);
}

static void a_wrong_share_is_told_and_changes_nothing(void **state)
{
    struct place *p = make(state, SEAL_SHAMIR), *other;
    void *second;
    char stolen[256];
    assert_ok(act(p, (struct seal_question){ .act = SEAL_INIT, .shares = 4, .threshold = 2 }));
    reopen(p);
    other = make(&second, SEAL_SHAMIR);
    assert_ok(act(other, (struct seal_question){ .act = SEAL_INIT }));
    assert_ok(give(p, SEAL_UNSEAL, p->lines[0]));
    assert_fails(give(p, SEAL_UNSEAL, other->lines[1]), FAIL_INPUT);
    snprintf(stolen, sizeof stolen, "%s", p->lines[1]);
    stolen[40] = stolen[40] == 'a' ? 'b' : 'a';
    assert_fails(give(p, SEAL_UNSEAL, stolen), FAIL_INPUT);
    assert_fails(give(p, SEAL_UNSEAL, ""), FAIL_INPUT);
    assert_int_equal(number(p, "shares_given"), 1);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_FORGET }));
    assert_int_equal(number(p, "shares_given"), 0);
    assert_ok(give(p, SEAL_UNSEAL, p->lines[3]));
    assert_ok(give(p, SEAL_UNSEAL, p->lines[1]));
    assert_true(open_now(p));
    assert_int_equal(teardown(&second), 0);
    assert_int_equal(teardown(state), 0);
}

/* Well-formed, and with the right checksum, but not what was given out: by its MAC. */
static void a_forged_share_is_told_by_its_mac(void **state)
{
    struct place *p = make(state, SEAL_SHAMIR);
    struct buf text owned(buf_done) = buf_of(1024);
    struct secret *value owned(secret_free) = secret_new(32);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_INIT }));
    assert_ok(act(p, (struct seal_question){ .act = SEAL_CLOSE }));
    assert_ok(share_text_write(&embedded_of(p->store)->record, 1, value, &text));
    struct err e = give(p, SEAL_UNSEAL, buf_str(&text));
    assert_true(e.kind == FAIL_DENIED && strstr(e.what, "wrong share"));
    assert_int_equal(number(p, "shares_given"), 0);
    assert_int_equal(teardown(state), 0);
}

/* Where the MACs were exchanged in the store too, the set opens nothing and is forgotten. */
static void a_wrong_set_is_forgotten(void **state)
{
    struct place *p = make(state, SEAL_SHAMIR);
    struct embedded *e = embedded_of(p->store);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_INIT, .shares = 3, .threshold = 2 }));
    assert_ok(act(p, (struct seal_question){ .act = SEAL_CLOSE }));
    assert_ok(give(p, SEAL_UNSEAL, p->lines[0]));
    struct secret *value owned(secret_free) = secret_new(32);
    struct buf text owned(buf_done) = buf_of(1024);
    assert_ok(share_check(&e->record, 2, value, e->record.checks[1]));
    assert_ok(share_text_write(&e->record, 2, value, &text));
    assert_fails(give(p, SEAL_UNSEAL, buf_str(&text)), FAIL_DENIED);
    assert_int_equal(number(p, "shares_given"), 0);
    assert_null(e->given.values[0]);
    assert_false(open_now(p));
    assert_ok(give(p, SEAL_UNSEAL, p->lines[0]));
    assert_ok(give(p, SEAL_UNSEAL, p->lines[2]));
    assert_true(open_now(p));
    assert_int_equal(teardown(state), 0);
}

static void new_shares_for_old_ones(void **state)
{
    struct place *p = make(state, SEAL_SHAMIR);
    char old[3][256];
    assert_ok(act(p, (struct seal_question){ .act = SEAL_INIT }));
    make_keys(p, 1, 3);
    for (size_t i = 0; i < 3; i++)
        memcpy(old[i], p->lines[i], sizeof old[i]);
    assert_ok(give(p, SEAL_REKEY, old[0]));
    assert_ok(give(p, SEAL_REKEY, old[1]));
    p->line_count = 0;
    assert_ok(give(p, SEAL_REKEY, old[2]));
    assert_int_equal(p->line_count, 5);
    all_open(p, 3);
    reopen(p);
    struct err e = give(p, SEAL_UNSEAL, old[0]);
    assert_true(failed(e) && strstr(e.what, "another generation"));
    for (size_t i = 0; i < 3; i++)
        assert_ok(give(p, SEAL_UNSEAL, p->lines[i]));
    all_open(p, 3);
    assert_int_equal(number(p, "generation"), 2);
    assert_int_equal(number(p, "master_key_version"), 1);
    assert_int_equal(teardown(state), 0);
}

static void a_passphrase_opens_it(void **state)
{
    struct place *p = make(state, SEAL_PASSPHRASE);
    struct seal_question init = { .act = SEAL_INIT, .fresh = SPAN(WORDS) };
    assert_fails(act(p, (struct seal_question){ .act = SEAL_INIT, .fresh = SPAN("short") }), FAIL_INPUT);
    assert_ok(act(p, init));
    make_keys(p, 1, 1);
    reopen(p);
    assert_false(open_now(p));
    assert_fails(give(p, SEAL_UNSEAL, "wrong horse battery"), FAIL_DENIED);
    assert_ok(give(p, SEAL_UNSEAL, WORDS));
    all_open(p, 1);
    assert_fails(give(p, SEAL_REKEY, "wrong horse battery"), FAIL_DENIED);
    assert_ok(give(p, SEAL_REKEY, WORDS));
    reopen(p);
    assert_fails(give(p, SEAL_UNSEAL, WORDS), FAIL_DENIED);
    assert_ok(give(p, SEAL_UNSEAL, WORDS " again"));
    all_open(p, 1);
    assert_int_equal(teardown(state), 0);
}

static void an_hsm_opens_it_by_itself_and_when_it_is_back(void **state)
{
    struct place *p = make(state, SEAL_HSM);
    struct keystore_chore chore = { 0 };
    assert_ok(act(p, (struct seal_question){ .act = SEAL_INIT }));
    make_keys(p, 1, 1);
    reopen(p);
    all_open(p, 1);
    p->hsm.away = true;
    reopen(p);
    assert_false(open_now(p));
    assert_fails(p->store->tend(p->store, &chore), FAIL_UPSTREAM);
    p->hsm.away = false;
    assert_ok(p->store->tend(p->store, &chore));
    all_open(p, 1);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_CLOSE }));
    assert_ok(p->store->tend(p->store, &chore));
    assert_false(open_now(p)); /* an operator has closed it */
    assert_ok(act(p, (struct seal_question){ .act = SEAL_UNSEAL }));
    assert_true(open_now(p));
    assert_int_equal(teardown(state), 0);
}

static void from_a_file_to_every_other_kind_and_back(void **state)
{
    struct place *p = make(state, SEAL_FILE);
    make_keys(p, 1, 2);
    p->kind = SEAL_SHAMIR;
    reopen(p); /* still by the file */
    all_open(p, 2);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_REKEY }));
    assert_false(file_exists(p->master));
    p->kind = SEAL_PASSPHRASE;
    reopen(p);
    assert_false(open_now(p));
    for (size_t i = 0; i < 3; i++)
        assert_ok(give(p, SEAL_UNSEAL, p->lines[i]));
    for (size_t i = 0; i < 3; i++)
        assert_ok(give(p, SEAL_REKEY, p->lines[i]));
    p->kind = SEAL_HSM;
    reopen(p);
    assert_ok(give(p, SEAL_UNSEAL, WORDS " again"));
    assert_ok(give(p, SEAL_REKEY, WORDS " again"));
    p->kind = SEAL_FILE;
    reopen(p);
    all_open(p, 2);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_REKEY }));
    reopen(p);
    all_open(p, 2);
    assert_int_equal(number(p, "generation"), 5);
    assert_int_equal(teardown(state), 0);
}

static void a_new_master_key_takes_all_keys_along(void **state)
{
    struct place *p = make(state, SEAL_FILE);
    struct keystore_chore chore = { 0 };
    make_keys(p, 1, 100);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_ROTATE }));
    assert_int_equal(number(p, "keys_to_rewrap"), 100);
    assert_fails(act(p, (struct seal_question){ .act = SEAL_ROTATE }), FAIL_CONFLICT);
    make_keys(p, 101, 101); /* under the new one */
    for (int64_t left = 100, now; left; left = now) {
        assert_ok(p->store->tend(p->store, &chore));
        now = number(p, "keys_to_rewrap");
        assert_true(now < left);
        all_open(p, 101);
        reopen(p); /* as if it had been killed here */
        all_open(p, 101);
    }
    assert_ok(p->store->tend(p->store, &chore));
    assert_int_equal(embedded_of(p->store)->ring.count, 1);
    reopen(p);
    all_open(p, 101);
    assert_int_equal(number(p, "master_key_version"), 2);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_ROTATE }));
    assert_int_equal(teardown(state), 0);
}

static void a_spoilt_key_stops_no_other(void **state)
{
    struct place *p = make(state, SEAL_FILE);
    struct embedded *e = embedded_of(p->store);
    struct keystore_chore chore = { 0 };
    struct statement *q;
    make_keys(p, 1, 5);
    store_lock(e->store);
    assert_ok(store_query(e->store, "UPDATE material SET sealed = x'00' WHERE version = 2", &q));
    assert_ok(store_run(q));
    store_unlock(e->store);
    assert_ok(act(p, (struct seal_question){ .act = SEAL_ROTATE }));
    for (int i = 0; i < 3; i++)
        assert_ok(p->store->tend(p->store, &chore));
    assert_int_equal(number(p, "keys_unreadable"), 1);
    assert_int_equal(number(p, "keys_to_rewrap"), 1);
    assert_non_null(chore.notice);
    struct key_ref ref = ref_of(2);
    assert_ok(p->store->destroy(p->store, &ref));
    reopen(p);
    assert_ok(p->store->tend(p->store, &chore));
    assert_int_equal(embedded_of(p->store)->ring.count, 1);
    assert_int_equal(teardown(state), 0);
}

static void the_file_is_not_made_anew_under_keys(void **state)
{
    struct place *p = make(state, SEAL_FILE);
    struct embedded_config c = { p->url, p->master, SEAL_FILE, NULL };
    make_keys(p, 1, 1);
    keystore_close(p->store);
    p->store = NULL;
    assert_int_equal(unlink(p->master), 0);
    assert_true(failed(embedded_open(&c, &p->store)));
    assert_false(file_exists(p->master));
    assert_int_equal(teardown(state), 0);
}

static void no_key_of_the_seal_is_in_a_file(void **state) /* L36 */
{
    struct place *p = make(state, SEAL_SHAMIR);
    static const char *const names[] = { "e.db", "e.db-wal" };
    assert_ok(act(p, (struct seal_question){ .act = SEAL_INIT }));
    assert_ok(act(p, (struct seal_question){ .act = SEAL_ROTATE }));
    const struct keyring *ring = &embedded_of(p->store)->ring;
    const struct secret *secrets[] = { ring->root, ring->masters[0].key, ring->masters[1].key };
    for (size_t i = 0; i < 2; i++) {
        char path[160];
        struct buf text owned(buf_done) = buf_of(1U << 20);
        snprintf(path, sizeof path, "%s/%s", p->folder, names[i]);
        if (failed(file_read(path, &text)))
            continue;
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(span_find(buf_span(&text), secret_expose(secrets[k])), text.len);
        assert_int_equal(span_find(buf_span(&text), SPAN("warder-share")), text.len);
    }
    assert_int_equal(teardown(state), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_before_it_is_initialized),
        cmocka_unit_test(shares_open_it_one_by_one),
        cmocka_unit_test(a_wrong_share_is_told_and_changes_nothing),
        cmocka_unit_test(a_forged_share_is_told_by_its_mac),
        cmocka_unit_test(a_wrong_set_is_forgotten),
        cmocka_unit_test(new_shares_for_old_ones),
        cmocka_unit_test(a_passphrase_opens_it),
        cmocka_unit_test(an_hsm_opens_it_by_itself_and_when_it_is_back),
        cmocka_unit_test(from_a_file_to_every_other_kind_and_back),
        cmocka_unit_test(a_new_master_key_takes_all_keys_along),
        cmocka_unit_test(a_spoilt_key_stops_no_other),
        cmocka_unit_test(the_file_is_not_made_anew_under_keys),
        cmocka_unit_test(no_key_of_the_seal_is_in_a_file),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
