// SPDX-License-Identifier: Apache-2.0
/* Which version of a key is released, and which are kept. */
#include "broker/key_versions.h"

#include "broker/key_rotate_internal.h"
#include "unit.h"

static const struct key_spec aes = { KEY_ALGORITHM_AES, 256 };

static struct key_versions first(uint64_t keep)
{
    return (struct key_versions){ .keep_old = keep, .count = 1, .at = { { .number = 1, .spec = aes, .created_at = 100 } } };
}

static void add(struct key_versions *v, int64_t keep_until)
{
    struct key_version made = { .number = key_versions_newest(v)->number + 1, .spec = aes, .created_at = 200 };
    assert_ok(key_versions_add(v, &made, keep_until));
}

static void the_newest_enabled_is_released(void **state)
{
    struct key_versions v = first(5);
    (void)state;
    assert_int_equal(key_versions_current(&v)->number, 1);
    add(&v, 0);
    add(&v, 0);
    assert_int_equal(key_versions_current(&v)->number, 3);
    key_versions_find(&v, 3)->disabled = true;
    assert_int_equal(key_versions_current(&v)->number, 2);
    v.disabled = true;
    assert_null(key_versions_current(&v));
    v.disabled = false;
    key_versions_find(&v, 1)->disabled = key_versions_find(&v, 2)->disabled = true;
    assert_null(key_versions_current(&v));
    assert_null(key_versions_find(&v, 4));
}

static void old_ones_go_by_number_or_by_date(void **state)
{
    static const struct {
        uint64_t keep;
        int64_t until[3], now; /* of versions 1 to 3; the newest is 4 */
        uint64_t left[4];
    } rows[] = {
        { 0, { 0, 0, 0 }, 10, { 4 } },
        { 1, { 0, 0, 0 }, 10, { 3, 4 } },
        { 14, { 0, 0, 0 }, 10, { 1, 2, 3, 4 } },
        { 14, { 0, 10, 0 }, 10, { 1, 3, 4 } },
        { 14, { 11, 11, 10 }, 9, { 1, 2, 3, 4 } },
        { 1, { 0, 0, 10 }, 10, { 4 } },
        { 2, { 0, 99, 10 }, 10, { 2, 4 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key_versions v = first(rows[i].keep), gone;
        size_t left = 0;
        for (size_t j = 0; j < 3; j++)
            add(&v, rows[i].until[j]);
        key_versions_retire(&v, rows[i].now, &gone);
        for (; left < 4 && rows[i].left[left]; left++)
            assert_int_equal(v.at[left].number, rows[i].left[left]);
        assert_int_equal(v.count, left);
        assert_int_equal(gone.count, 4 - left);
        assert_int_equal(key_versions_newest(&v)->number, 4);
    }
}

static void they_come_back_from_a_record(void **state)
{
    struct key_versions v = first(3), again;
    json_t *content owned(json_free) = json_object();
    (void)state;
    v.at[0].external = SPAN("name");
    add(&v, 500);
    key_versions_find(&v, 1)->disabled = v.disabled = true;
    assert_ok(key_versions_write(&v, content));
    assert_ok(key_versions_read(content, &again));
    assert_true(again.disabled && again.keep_old == 3 && again.count == 2);
    assert_true(again.at[0].disabled && again.at[0].keep_until == 500 && span_equal_str(again.at[0].external, "name"));
    assert_true(!again.at[1].disabled && again.at[1].number == 2 && again.at[1].created_at == 200);
    assert_int_equal(key_versions_due(&again), 500);
}

static void a_record_without_a_list_is_its_first_version(void **state)
{
    json_t *content owned(json_free) = json_pack("{s:s,s:i,s:s}", "algorithm", "AES", "key_length", 256, "kmip_key_id", "x");
    struct key_versions v;
    (void)state;
    assert_ok(key_versions_read(content, &v));
    assert_true(v.count == 1 && v.at[0].number == 1 && v.keep_old == KEEP_OLD_VERSIONS && !v.disabled);
    assert_true(span_equal_str(v.at[0].external, "x") && key_spec_equal(&v.at[0].spec, &aes));
}

static void there_is_an_end_to_them(void **state)
{
    struct key_versions v = first(KEY_VERSIONS_MAX);
    struct key_version one_more = { .number = 99, .spec = aes };
    (void)state;
    while (v.count < KEY_VERSIONS_MAX)
        add(&v, 0);
    assert_fails(key_versions_add(&v, &one_more, 0), FAIL_LIMIT);
    assert_int_equal(v.count, KEY_VERSIONS_MAX);
}

static void what_is_asked_of_a_rotation(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { "", true },
        { "{}", true },
        { "{\"keep_old_versions\":0}", true },
        { "{\"keep_old_versions\":14}", true },
        { "{\"keep_old_versions\":15}", false },
        { "{\"keep_old_versions\":-1}", false },
        { "{\"keep_old_versions\":\"1\"}", false },
        { "{\"keep_old_until\":\"2030-01-01T00:00:00Z\"}", true },
        { "{\"keep_old_until\":\"tomorrow\"}", false },
        { "{\"key_string\":\"\"}", false },
        { "{\"key_string\":\"a\",\"kmip_key_id\":\"b\"}", false },
        { "{\"kmip_key_id\":\"b\"}", true },
        { "{\"other\":1}", false },
        { "[]", false },
        { "{} ", true },
        { "{}x", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rotate_request r owned(rotate_request_done) = { 0 };
        assert_int_equal(!failed(rotate_request_parse(span_str(rows[i].text), &r)), rows[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_enabled_is_released),
        cmocka_unit_test(old_ones_go_by_number_or_by_date),
        cmocka_unit_test(they_come_back_from_a_record),
        cmocka_unit_test(a_record_without_a_list_is_its_first_version),
        cmocka_unit_test(there_is_an_end_to_them),
        cmocka_unit_test(what_is_asked_of_a_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
