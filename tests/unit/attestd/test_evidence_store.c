// SPDX-License-Identifier: Apache-2.0
#include "attestd/evidence_store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW 1795000000

static struct evidence_store *opened(int64_t count, int64_t bytes)
{
    const struct evidence_limits l = { .count = count, .bytes = bytes, .seconds = 3600 };
    struct evidence_store *s = NULL;
    assert_false(failed(evidence_store_open("sqlite::memory:", &l, &s)));
    return s;
}

static void add(struct evidence_store *s, const char *id, bool refusal, struct span evidence, int64_t at)
{
    const struct evidence_row r = { .id = span_str(id),
                                    .tenant = SPAN("default"),
                                    .at = at,
                                    .refusal = refusal,
                                    .form = EVIDENCE_RECORD,
                                    .media_type = SPAN("m"),
                                    .evidence = evidence,
                                    .runtime_data = SPAN("{}"),
                                    .collateral = SPAN("sha256:aa") };
    assert_false(failed(evidence_store_add(s, &r, 1, at)));
}

static bool has(struct evidence_store *s, const char *tenant, const char *id, int64_t now)
{
    struct evidence_kept k owned(evidence_kept_done) = { 0 };
    struct err e = evidence_store_find(s, span_str(tenant), span_str(id), now, &k);
    assert_true(!failed(e) || e.kind == FAIL_ABSENT);
    return !failed(e);
}

static void test_find(void **state)
{
    owned(evidence_store_close) struct evidence_store *s = opened(10, 1 << 20);
    struct evidence_kept k owned(evidence_kept_done) = { 0 }, again owned(evidence_kept_done) = { 0 };
    add(s, "one", false, SPAN("quote"), NOW);
    assert_false(failed(evidence_store_find(s, SPAN("default"), SPAN("one"), NOW, &k)));
    assert_int_equal(k.at, NOW);
    assert_int_equal(k.form, EVIDENCE_RECORD);
    assert_true(span_equal_str(buf_span(&k.evidence), "quote"));
    assert_true(span_equal_str(buf_span(&k.collateral_digest), "sha256:aa"));
    assert_int_equal(k.collateral.len, 0);
    assert_false(failed(evidence_store_collateral(s, SPAN("sha256:aa"), SPAN("set"), NOW)));
    assert_false(failed(evidence_store_find(s, SPAN("default"), SPAN("one"), NOW, &again)));
    assert_true(span_equal_str(buf_span(&again.collateral), "set"));
    assert_false(has(s, "other", "one", NOW));
    assert_false(has(s, "default", "two", NOW));
    assert_false(has(s, "default", "one", NOW + 3601)); /* though nothing came that dropped it */
    (void)state;
}

static void test_count(void **state)
{
    owned(evidence_store_close) struct evidence_store *s = opened(2, 1 << 20);
    owned(json_free) json_t *list = NULL;
    add(s, "a", false, SPAN("q"), NOW);
    add(s, "b", false, SPAN("q"), NOW);
    for (int i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof(id), "r%d", i);
        add(s, id, true, SPAN("q"), NOW);
    }
    assert_true(has(s, "default", "a", NOW)); /* refusals push out no token */
    add(s, "c", false, SPAN("q"), NOW);
    assert_false(has(s, "default", "a", NOW));
    assert_true(has(s, "default", "b", NOW));
    assert_true(has(s, "default", "r4", NOW));
    assert_false(has(s, "default", "r2", NOW));
    assert_false(failed(evidence_store_list(s, SPAN("default"), NOW, &list)));
    assert_int_equal(json_array_size(list), 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "id")), "c");
    (void)state;
}

static void test_room(void **state)
{
    static char large[4096];
    memset(large, 'x', sizeof(large));
    owned(evidence_store_close) struct evidence_store *s = opened(100, 20000);
    add(s, "refused", true, SPAN("q"), NOW);
    for (int i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof(id), "t%d", i);
        add(s, id, false, span_from(large, sizeof(large)), NOW);
    }
    assert_true(has(s, "default", "t4", NOW));
    assert_true(has(s, "default", "t3", NOW));
    assert_false(has(s, "default", "t2", NOW)); /* half of the room is the refusals' */
    assert_true(has(s, "default", "refused", NOW));
    add(s, "later", false, SPAN("q"), NOW + 3601);
    assert_false(has(s, "default", "refused", NOW));
    (void)state;
}

static void test_sets(void **state)
{
    owned(evidence_store_close) struct evidence_store *s = opened(10, 1 << 20);
    struct evidence_kept k owned(evidence_kept_done) = { 0 }, gone owned(evidence_kept_done) = { 0 };
    char digest[32];
    assert_false(failed(evidence_store_collateral(s, SPAN("sha256:aa"), SPAN("set"), NOW)));
    for (int i = 0; i < EVIDENCE_SETS_MAX - 1; i++) {
        snprintf(digest, sizeof(digest), "sha256:%04d", i);
        assert_false(failed(evidence_store_collateral(s, span_str(digest), SPAN("x"), NOW + 1)));
    }
    add(s, "used", false, SPAN("q"), NOW + 2); /* which is when its collateral was used last */
    assert_false(failed(evidence_store_collateral(s, SPAN("sha256:zz"), SPAN("x"), NOW + 3)));
    assert_false(failed(evidence_store_find(s, SPAN("default"), SPAN("used"), NOW + 3, &k)));
    assert_true(span_equal_str(buf_span(&k.collateral), "set"));
    for (int i = 0; i < EVIDENCE_SETS_MAX; i++) {
        snprintf(digest, sizeof(digest), "sha256:b%04d", i);
        assert_false(failed(evidence_store_collateral(s, span_str(digest), SPAN("x"), NOW + 4)));
    }
    assert_false(failed(evidence_store_find(s, SPAN("default"), SPAN("used"), NOW + 4, &gone)));
    assert_int_equal(gone.collateral.len, 0);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
