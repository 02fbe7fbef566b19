// SPDX-License-Identifier: Apache-2.0
/* The signing keys over days that the test lets pass, with a start of the issuer now and then. */
#include "token/signing_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "token/jwt.h"

#define NOW 1795435200
#define HOUR 3600
#define DAY (24 * HOUR)
#define LIFETIME HOUR
#define KEPT (LIFETIME + JWT_LEEWAY)

struct place {
    char folder[64], path[96];
};

static int make_place(void **state)
{
    static struct place p;
    snprintf(p.folder, sizeof(p.folder), "/tmp/signing-keys-XXXXXX");
    if (!mkdtemp(p.folder) || failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    snprintf(p.path, sizeof(p.path), "%s/key.pem", p.folder);
    *state = &p;
    return 0;
}

static int remove_place(void **state)
{
    const struct place *p = *state;
    static const char *const names[] = { "", ".next", ".state" };
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", p->path, names[i]);
        unlink(path);
    }
    return rmdir(p->folder);
}

static struct signing_keys_config config(void **state)
{
    const struct place *p = *state;
    return (struct signing_keys_config){
        .path = p->path, .lifetime = LIFETIME, .rotate = 90 * DAY, .announce = DAY
    };
}

static struct signing_keys start(const struct signing_keys_config *c, bool rotate, int64_t now)
{
    struct signing_keys k = { 0 };
    assert_false(failed(signing_keys_open(c, rotate, now, &k)));
    struct buf text owned(buf_done) = buf_of(64U << 10);
    owned(jwks_free) struct jwks *set = NULL;
    /* What relying parties get is a set that can be read. */
    assert_false(failed(jwks_text((const struct key *const *)k.all, k.count, &text)));
    assert_false(failed(jwks_parse(buf_span(&text), &set)));
    assert_int_equal(jwks_count(set), k.count);
    return k;
}

static bool has(const struct signing_keys *k, const struct key *one)
{
    for (size_t i = 0; i < k->count; i++)
        if (key_same_public(k->all[i], one))
            return true;
    return false;
}

static void test_made_once_and_kept(void **state)
{
    const struct signing_keys_config c = config(state);
    struct signing_keys a owned(signing_keys_done) = start(&c, false, NOW);
    struct signing_keys b owned(signing_keys_done) = start(&c, false, NOW + DAY);
    assert_int_equal(key_kind_of(a.current), KEY_P256);
    assert_true(key_same_public(a.current, b.current));
    assert_int_equal(b.count, 1);
    assert_int_equal(b.change_at, NOW + 89 * DAY);
}

/* Announced a day before, then it signs; the old one stays until its last token has expired. */
static void test_rotation_by_schedule(void **state)
{
    const struct signing_keys_config c = config(state);
    struct signing_keys first owned(signing_keys_done) = start(&c, false, NOW);
    struct signing_keys announced owned(signing_keys_done) = start(&c, false, NOW + 89 * DAY);
    assert_true(key_same_public(announced.current, first.current));
    assert_int_equal(announced.count, 2);
    assert_int_equal(announced.change_at, NOW + 90 * DAY);
    struct signing_keys early owned(signing_keys_done) = start(&c, false, NOW + 90 * DAY - 1);
    assert_true(key_same_public(early.current, first.current));

    struct signing_keys next owned(signing_keys_done) = start(&c, false, NOW + 90 * DAY);
    assert_true(key_same_public(next.current, announced.all[1]));
    assert_true(has(&next, first.current));
    assert_int_equal(next.change_at, NOW + 90 * DAY + KEPT);
    struct signing_keys before owned(signing_keys_done) =
        start(&c, false, NOW + 90 * DAY + KEPT - 1);
    assert_true(has(&before, first.current));
    struct signing_keys after owned(signing_keys_done) = start(&c, false, NOW + 90 * DAY + KEPT);
    assert_false(has(&after, first.current));
    assert_int_equal(after.count, 1);
}

static void test_rotation_on_command(void **state)
{
    struct signing_keys_config c = config(state);
    c.rotate = 0;
    struct signing_keys first owned(signing_keys_done) = start(&c, false, NOW);
    assert_int_equal(first.change_at, 0);
    struct signing_keys asked owned(signing_keys_done) = start(&c, true, NOW + 1);
    struct signing_keys again owned(signing_keys_done) = start(&c, true, NOW + 2);
    assert_int_equal(asked.count, 2);
    assert_true(key_same_public(asked.all[1], again.all[1])); /* one at a time */
    assert_int_equal(again.change_at, NOW + 1 + DAY);
    c.announce = 0;
    struct signing_keys next owned(signing_keys_done) = start(&c, false, NOW + 1 + DAY);
    assert_true(key_same_public(next.current, asked.all[1]));
    struct signing_keys at_once owned(signing_keys_done) = start(&c, true, NOW + 2 + DAY);
    assert_false(has(&next, at_once.current));
    assert_int_equal(at_once.count, 3);
}

/* The longest life that was ever configured while a key signed counts. */
static void test_shorter_life_keeps_old_tokens_good(void **state)
{
    struct signing_keys_config c = config(state);
    struct signing_keys first owned(signing_keys_done) = start(&c, false, NOW);
    c.lifetime = 60;
    c.announce = 0;
    struct signing_keys next owned(signing_keys_done) = start(&c, true, NOW + 1);
    struct signing_keys later owned(signing_keys_done) = start(&c, false, NOW + KEPT);
    assert_false(key_same_public(next.current, first.current));
    assert_true(has(&later, first.current));
}

static void test_algorithms(void **state)
{
    static const struct {
        const char *name;
        enum key_kind kind;
    } rows[] = { { "ES384", KEY_P384 }, { "PS384", KEY_RSA }, { "ES256", KEY_P256 }, { "", KEY_P256 } };
    struct signing_keys_config c = config(state);
    c.announce = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        c.algorithm = rows[i].name;
        struct signing_keys k owned(signing_keys_done) = start(&c, false, NOW + (int64_t)i);
        assert_int_equal(key_kind_of(k.current), rows[i].kind);
    }
    assert_true(signing_algorithm_known("PS384") && signing_algorithm_known(NULL));
    assert_false(signing_algorithm_known("RS256"));
}

static void test_no_more_retired_than_there_is_room(void **state)
{
    struct signing_keys_config c = config(state);
    c.announce = 0;
    for (int64_t i = 0; i < SIGNING_KEYS_RETIRED_MAX + 4; i++) {
        struct signing_keys k owned(signing_keys_done) = start(&c, true, NOW + i);
        assert_true(k.count <= SIGNING_KEYS_MAX);
    }
    struct signing_keys k owned(signing_keys_done) = start(&c, false, NOW + 10 * DAY);
    assert_int_equal(k.count, 1 + 1); /* the one that waited, and whom it has replaced */
}

/* What is found when a step before was the last one. */
static void test_after_a_crash(void **state)
{
    const struct place *p = *state;
    struct signing_keys_config c = config(state);
    char next[128], kept[128];
    snprintf(next, sizeof(next), "%s.next", p->path);
    snprintf(kept, sizeof(kept), "%s.state", p->path);
    struct signing_keys first owned(signing_keys_done) = start(&c, false, NOW);
    struct signing_keys announced owned(signing_keys_done) = start(&c, true, NOW);
    assert_int_equal(rename(next, p->path), 0); /* took its place, and no state was written */
    struct signing_keys k owned(signing_keys_done) = start(&c, false, NOW + DAY);
    assert_true(key_same_public(k.current, announced.all[1]));
    assert_true(has(&k, first.current));
    assert_int_equal(k.count, 2);
    assert_false(failed(file_write(kept, SPAN("{"), 0600)));
    struct signing_keys none owned(signing_keys_done) = { 0 };
    assert_true(failed(signing_keys_open(&c, false, NOW + DAY, &none)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made_once_and_kept, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_rotation_by_schedule, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_rotation_on_command, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_shorter_life_keeps_old_tokens_good, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_algorithms, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_no_more_retired_than_there_is_room, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_after_a_crash, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
