// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/buf.h"
#include "collateral/signed_tree.h"

static void what_is_json(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { "{}", true },
        { " { \"a\" : [ 1 , -2.5e+3, true , null ] , \"b\":{} }\n", true },
        { "{\"a\":\"\\\"\\\\\\/\\b\\u00e9 \xc3\xa9\"}", true },
        { "{\"a\":0,\"b\":10,\"c\":123456789012345678901234567890}", true },
        { "[]", false },
        { "1", false },
        { "", false },
        { "{", false },
        { "{}x", false },
        { "{}{}", false },
        { "{\"a\"}", false },
        { "{\"a\":}", false },
        { "{\"a\":1,}", false },
        { "{,}", false },
        { "{a:1}", false },
        { "{\"a\":[1,]}", false },
        { "{\"a\":[1 2]}", false },
        { "{\"a\":[1}", false },
        { "{\"a\":01}", false },
        { "{\"a\":-}", false },
        { "{\"a\":1.}", false },
        { "{\"a\":.5}", false },
        { "{\"a\":1e}", false },
        { "{\"a\":+1}", false },
        { "{\"a\":tru}", false },
        { "{\"a\":True}", false },
        { "{\"a\":\"\n\"}", false },
        { "{\"a\":\"\\x\"}", false },
        { "{\"a\":\"", false },
        { "{\"\\u0061\":1}", false }, /* another spelling of a name */
        { "{\"a\":1,\"a\":1}", false },
        { "{\"x\":{\"a\":1,\"b\":[{}],\"a\":2}}", false },
        { "{\"x\":{\"a\":1},\"y\":{\"a\":1},\"a\":2}", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tree t owned(tree_done) = { 0 };
        if (failed(tree_parse(span_str(rows[i].text), &t)) == rows[i].good)
            fail_msg("%s", rows[i].text);
    }
}

static void what_stands_in_it(void **state)
{
    static const char text[] = "{\"n\":65535,\"list\":[\"a\",{\"x\":[1,2]},\"b "
                               "c\"],\"odd\":\"a\\n\",\"neg\":-1,\"real\":1.0,\"o\":{\"n\":7}}";
    struct tree t owned(tree_done) = { 0 };
    const struct tree_value *list, *o, *item = NULL;
    struct span s;
    uint64_t v;
    uint32_t place = 0;

    (void)state;
    assert_ok(tree_parse(span_str(text), &t));
    const struct tree_value *root = tree_root(&t);
    assert_ok(tree_get_u64(root, "n", 65535, "n", &v));
    assert_int_equal(v, 65535);
    assert_fails(tree_get_u64(root, "n", 65534, "n", &v), FAIL_INPUT);
    assert_fails(tree_get_u64(root, "neg", 9, "neg", &v), FAIL_INPUT);
    assert_fails(tree_get_u64(root, "real", 9, "real", &v), FAIL_INPUT);
    assert_fails(tree_get_u64(root, "list", 9, "list", &v), FAIL_INPUT);
    assert_fails(tree_get_u64(root, "none", 9, "none", &v), FAIL_INPUT);
    assert_fails(tree_get_text(root, "odd", "odd", &s), FAIL_INPUT); /* an escape */
    assert_fails(tree_get_text(root, "n", "n", &s), FAIL_INPUT);
    assert_fails(tree_get(root, "list", TREE_OBJECT, "list", &o), FAIL_INPUT);
    assert_ok(
        tree_get(root, "o", TREE_OBJECT, "o", &o)); /* what is nested before it is stepped over */
    assert_ok(tree_get_u64(o, "n", 9, "n", &v));
    assert_int_equal(v, 7);
    assert_ok(tree_get(root, "list", TREE_LIST, "list", &list));
    assert_int_equal(list->count, 3);
    assert_null(tree_member(list, "a"));
    while ((item = tree_next(list, item, &place)))
        assert_int_equal(item->kind, place == 1 ? TREE_OBJECT : TREE_TEXT);
    assert_int_equal(place, 3);
}

static void every_prefix_fails(void **state)
{
    static const char text[] = "{\"a\":[1,{\"b\":\"c\\u00e9\"},true,null],\"d\":-1.5e3}";

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct tree t owned(tree_done) = { 0 };
        assert_fails(tree_parse(span_from(text, len), &t), FAIL_INPUT);
    }
}

/* L22, L47: depth, members and values have an end. */
static void limits(void **state)
{
    struct buf text owned(buf_done) = buf_of(TREE_TEXT_MAX + 2);
    struct tree t owned(tree_done) = { 0 };

    (void)state;
    buf_add_str(&text, "{\"a\":");
    for (int i = 0; i < TREE_DEPTH_MAX; i++)
        buf_add_str(&text, "[");
    assert_fails(tree_parse(buf_span(&text), &t), FAIL_LIMIT);
    buf_clear(&text);
    buf_add_str(&text, "{\"a\":[0");
    for (unsigned i = 0; i < TREE_VALUES_MAX; i++)
        buf_add_str(&text, ",0");
    buf_add_str(&text, "]}");
    assert_fails(tree_parse(buf_span(&text), &t), FAIL_LIMIT);
    buf_clear(&text);
    for (int i = 0; i <= TREE_MEMBERS_MAX; i++)
        buf_addf(&text, "%s\"m%d\":0", i ? "," : "{", i);
    buf_add_str(&text, "}");
    assert_fails(tree_parse(buf_span(&text), &t), FAIL_LIMIT);
    buf_clear(&text);
    assert_non_null(buf_extend(&text, TREE_TEXT_MAX + 1));
    assert_fails(tree_parse(buf_span(&text), &t), FAIL_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json),
        cmocka_unit_test(what_stands_in_it),
        cmocka_unit_test(every_prefix_fails),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
