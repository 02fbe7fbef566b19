// SPDX-License-Identifier: Apache-2.0
#include "keys/vault_internal.h"

#include "unit.h"

#define V1 "{\"request_id\":\"b9\",\"renewable\":false,\"lease_duration\":2764800,\"data\":{\"key\":\"a\\nb\"},\"warnings\":null}"
#define V2 "{\"data\":{\"data\":{\"key\":\"a\\nb\"},\"metadata\":{\"version\":1,\"destroyed\":false}},\"auth\":null}"

static void parse_to(const char *json, unsigned level, const char *field, const char *wanted)
{
    struct secret *text owned(secret_free) = NULL;

    assert_ok(vault_value_parse(span_str(json), level, span_str(field), &text));
    assert_true(span_equal_str(secret_expose(text), wanted));
}

static void answers_of_both_versions(void **state)
{
    (void)state;
    parse_to(V1, 1, NULL, "a\nb");
    parse_to(V2, 2, NULL, "a\nb");
    parse_to(" {\n\"data\" : { \"key\" : \"x\" } }\r\n\t", 1, NULL, "x");
}

static void fields(void **state)
{
    (void)state;
    parse_to("{\"data\":{\"note\":\"n\",\"tls\":\"t\"}}", 1, "tls", "t");
    parse_to("{\"data\":{\"only\":\"o\"}}", 1, NULL, "o");
    parse_to("{\"data\":{\"note\":\"n\",\"key\":\"k\"}}", 1, NULL, "k");
    parse_to("{\"data\":{\"private_key\":\"p\",\"certificate\":\"c\"}}", 1, NULL, "p");
    parse_to("{\"data\":{\"private_key\":\"p\",\"key\":\"k\"}}", 1, NULL, "k");
    parse_to("{\"data\":{\"private_key\":\"p\",\"key\":\"k\"}}", 1, "private_key", "p");
    parse_to("{\"data\":{\"\\u006bey\":\"k\",\"note\":7}}", 1, NULL, "k");
    parse_to("{\"data\":{\"key\":\"\\u0041\\/\\\"\\\\\\r\\t\"}}", 1, NULL, "A/\"\\\r\t");
}

static const struct {
    const char *name, *json;
    unsigned level;
    const char *field;
    enum fail_kind kind;
} refused[] = {
    { "nothing", "", 1, NULL, FAIL_UPSTREAM },
    { "an array", "[]", 1, NULL, FAIL_UPSTREAM },
    { "text", "\"data\"", 1, NULL, FAIL_UPSTREAM },
    { "no data", "{\"errors\":[]}", 1, NULL, FAIL_UPSTREAM },
    { "data null", "{\"data\":null}", 1, NULL, FAIL_UPSTREAM },
    { "data text", "{\"data\":\"key\"}", 1, NULL, FAIL_UPSTREAM },
    { "inner data null: deleted", "{\"data\":{\"data\":null,\"metadata\":{}}}", 2, NULL, FAIL_UPSTREAM },
    { "version 1 read as 2", V1, 2, NULL, FAIL_UPSTREAM },
    { "version 2 read as 1", V2, 1, NULL, FAIL_ABSENT },
    { "data twice", "{\"data\":{\"key\":\"a\"},\"data\":{}}", 1, NULL, FAIL_UPSTREAM },
    { "key twice", "{\"data\":{\"key\":\"a\",\"k\\u0065y\":\"b\"}}", 1, NULL, FAIL_UPSTREAM },
    { "no such field", "{\"data\":{\"a\":\"x\"}}", 1, "b", FAIL_ABSENT },
    { "two fields, none named key", "{\"data\":{\"a\":\"x\",\"b\":\"y\"}}", 1, NULL, FAIL_ABSENT },
    { "no field", "{\"data\":{}}", 1, NULL, FAIL_ABSENT },
    { "a number", "{\"data\":{\"key\":7}}", 1, NULL, FAIL_INPUT },
    { "an object", "{\"data\":{\"key\":{\"key\":\"a\"}}}", 1, NULL, FAIL_INPUT },
    { "null", "{\"data\":{\"key\":null}}", 1, NULL, FAIL_INPUT },
    { "empty", "{\"data\":{\"key\":\"\"}}", 1, NULL, FAIL_INPUT },
    { "not ASCII", "{\"data\":{\"key\":\"\xc3\xa9\"}}", 1, NULL, FAIL_INPUT },
    { "not ASCII, escaped", "{\"data\":{\"key\":\"\\u00e9\"}}", 1, NULL, FAIL_INPUT },
    { "a NUL", "{\"data\":{\"key\":\"a\\u0000\"}}", 1, NULL, FAIL_INPUT },
    { "a raw control character", "{\"data\":{\"key\":\"a\nb\"}}", 1, NULL, FAIL_UPSTREAM },
    { "an unknown escape", "{\"data\":{\"key\":\"\\x41\"}}", 1, NULL, FAIL_UPSTREAM },
    { "short hexadecimal", "{\"data\":{\"key\":\"\\u04\"}}", 1, NULL, FAIL_UPSTREAM },
    { "a trailing comma", "{\"data\":{\"key\":\"a\",}}", 1, NULL, FAIL_UPSTREAM },
    { "no comma", "{\"data\":{\"key\":\"a\"}\"b\":1}", 1, NULL, FAIL_UPSTREAM },
    { "no colon", "{\"data\" {\"key\":\"a\"}}", 1, NULL, FAIL_UPSTREAM },
    { "a wrong literal", "{\"a\":nul,\"data\":{\"key\":\"a\"}}", 1, NULL, FAIL_UPSTREAM },
    { "a number without digits", "{\"a\":-,\"data\":{\"key\":\"a\"}}", 1, NULL, FAIL_UPSTREAM },
    { "a fraction without digits", "{\"a\":1.,\"data\":{\"key\":\"a\"}}", 1, NULL, FAIL_UPSTREAM },
    { "an exponent without digits", "{\"a\":1e+,\"data\":{\"key\":\"a\"}}", 1, NULL, FAIL_UPSTREAM },
};

static void wrong_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct secret *text owned(secret_free) = NULL;
        struct err e = vault_value_parse(span_str(refused[i].json), refused[i].level, span_str(refused[i].field), &text);

        if (e.kind != refused[i].kind || text)
            fail_msg("%s: %s, not %s", refused[i].name, fail_kind_name(e.kind), fail_kind_name(refused[i].kind));
    }
}

/* L43, L47: every prefix, one byte too many, and depth and size past their maximum. */
static void truncated_and_trailing(void **state)
{
    static const char *const good[] = { V1, V2 };
    (void)state;
    for (unsigned v = 0; v < 2; v++) {
        struct span whole = span_str(good[v]);
        struct secret *text owned(secret_free) = NULL;
        struct buf longer owned(buf_done) = buf_of(1024);

        for (size_t len = 0; len < whole.len; len++)
            assert_fails(vault_value_parse(span_head(whole, len), v + 1, SPAN(""), &text), FAIL_UPSTREAM);
        buf_add(&longer, whole);
        buf_add_u8(&longer, '}');
        assert_fails(vault_value_parse(buf_span(&longer), v + 1, SPAN(""), &text), FAIL_UPSTREAM);
        assert_null(text);
    }
}

static void nest(unsigned depth, struct buf *out)
{
    buf_add_str(out, "{\"a\":");
    for (unsigned i = 0; i < depth; i++)
        buf_add_u8(out, '[');
    for (unsigned i = 0; i < depth; i++)
        buf_add_u8(out, ']');
    buf_add_str(out, ",\"data\":{\"key\":\"k\"}}");
}

static void limits(void **state)
{
    struct buf deep owned(buf_done) = buf_of(4096), deeper owned(buf_done) = buf_of(4096);
    struct buf large owned(buf_done) = buf_of(2 * VAULT_REPLY_MAX);
    struct secret *text owned(secret_free) = NULL;

    (void)state;
    nest(VAULT_DEPTH_MAX - 1, &deep);
    nest(VAULT_DEPTH_MAX, &deeper);
    parse_to(buf_str(&deep), 1, NULL, "k");
    assert_fails(vault_value_parse(buf_span(&deeper), 1, SPAN(""), &text), FAIL_UPSTREAM);

    buf_add_str(&large, "{\"data\":{\"key\":\"k\"}}");
    for (size_t len = large.len; len < VAULT_REPLY_MAX; len++)
        buf_add_u8(&large, ' ');
    parse_to(buf_str(&large), 1, NULL, "k");
    buf_add_u8(&large, ' ');
    assert_fails(vault_value_parse(buf_span(&large), 1, SPAN(""), &text), FAIL_LIMIT);
}

static void name_too_long(void **state)
{
    struct buf json owned(buf_done) = buf_of(4096);

    (void)state;
    buf_add_str(&json, "{\"data\":{\"");
    for (int i = 0; i < VAULT_FIELD_MAX * 6 + 1; i++)
        buf_add_u8(&json, 'a');
    buf_add_str(&json, "\":\"x\",\"key\":\"k\"}}");
    parse_to(buf_str(&json), 1, NULL, "k");
}

/* What is written reads back as the same key, on both versions. */
static void written_reads_back(void **state)
{
    static const struct key_spec specs[] = { { KEY_ALGORITHM_EC, 256 }, { KEY_ALGORITHM_EC, 521 }, { KEY_ALGORITHM_RSA, 2048 },
                                             { KEY_ALGORITHM_AES, 128 }, { KEY_ALGORITHM_AES, 256 } };
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        for (unsigned version = 1; version <= 2; version++) {
            struct secret *made owned(secret_free) = NULL, *body owned(secret_free) = NULL;
            struct secret *text owned(secret_free) = NULL, *again owned(secret_free) = NULL;
            struct buf reply owned(buf_done) = buf_of(32U << 10);
            struct key_spec found;

            assert_ok(key_material_make(&specs[i], &made));
            assert_ok(vault_value_write(made, &specs[i], SPAN("default/b7/1"), version, &body));
            buf_addf(&reply, "{\"data\":%.*s}", (int)secret_len(body), (const char *)secret_expose(body).at);
            assert_ok(vault_value_parse(buf_span(&reply), version, SPAN(""), &text));
            assert_ok(key_material_parse(text, specs[i].algorithm, &again, &found));
            assert_true(key_spec_equal(&found, &specs[i]));
            assert_true(secret_equal(made, again));
            parse_to(buf_str(&reply), version, VAULT_NAME_FIELD, "default/b7/1");
        }
    }
}

#define LOGIN "{\"data\":null,\"auth\":{\"client_token\":\"s.a\",\"policies\":[\"root\"],\"lease_duration\":20,\"renewable\":true}}"

static void members_of_other_answers(void **state)
{
    struct secret *token owned(secret_free) = NULL, *none owned(secret_free) = NULL;
    struct span in = SPAN(LOGIN), raw;
    uint64_t n = 7;

    (void)state;
    assert_ok(vault_text_parse(in, "auth", "client_token", &token));
    assert_true(span_equal_str(secret_expose(token), "s.a"));
    assert_true(vault_number_find(in, "auth", "lease_duration", &n));
    assert_int_equal(n, 20);
    assert_ok(vault_raw_find(in, "auth", "renewable", &raw));
    assert_true(span_equal_str(raw, "true"));
    assert_ok(vault_raw_find(in, "auth", "policies", &raw));
    assert_true(span_equal_str(raw, "[\"root\"]"));
    assert_fails(vault_text_parse(in, "auth", "lease_duration", &none), FAIL_UPSTREAM);
    assert_fails(vault_text_parse(in, "auth", "secret_id", &none), FAIL_ABSENT);
    assert_fails(vault_text_parse(in, "data", "client_token", &none), FAIL_UPSTREAM);
    assert_false(vault_number_find(in, "auth", "client_token", &n));
    assert_false(vault_number_find(in, "auth", "renewable", &n));
    assert_false(vault_number_find(SPAN("{\"auth\":{\"n\":-1}}"), "auth", "n", &n));
    assert_false(vault_number_find(SPAN("{\"auth\":{\"n\":12345678901}}"), "auth", "n", &n));
    assert_int_equal(n, 20);
    for (size_t i = 0; i < in.len; i++)
        assert_fails(vault_text_parse(span_head(in, i), "auth", "client_token", &none), FAIL_UPSTREAM);
    assert_fails(vault_text_parse(SPAN(LOGIN "x"), "auth", "client_token", &none), FAIL_UPSTREAM);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(members_of_other_answers),
        cmocka_unit_test(answers_of_both_versions), cmocka_unit_test(fields),        cmocka_unit_test(wrong_answers),
        cmocka_unit_test(truncated_and_trailing),   cmocka_unit_test(limits),        cmocka_unit_test(name_too_long),
        cmocka_unit_test(written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
