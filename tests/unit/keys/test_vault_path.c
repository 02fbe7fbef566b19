// SPDX-License-Identifier: Apache-2.0
#include "keys/vault_internal.h"

#include "unit.h"

static char prefix[] = "warder";
static const struct vault v = { .prefix = prefix };

static const struct {
    const char *tenant, *id, *external;
    enum fail_kind kind;
    const char *path, *field;
} rows[] = {
    { "default", "b7c1", "", FAIL_NONE, "warder/default/b7c1/3", "" },
    { "acme", "b7c1", "", FAIL_NONE, "warder/acme/b7c1/3", "" },
    { "default", "x", "web/tls-2026", FAIL_NONE, "web/tls-2026", "" },
    { "default", "x", "web#private key", FAIL_NONE, "web", "private key" },
    { "default", "x", "a#b#c", FAIL_NONE, "a", "b#c" },
    { "default", "x", "warders/k", FAIL_NONE, "warders/k", "" },
    { "acme", "x", "acme/k", FAIL_NONE, "acme/k", "" },
    { "acme", "x", "acmes/k", FAIL_DENIED, NULL, NULL },
    { "acme", "x", "web/k", FAIL_DENIED, NULL, NULL },
    { "default", "x", "warder/acme/k/1", FAIL_DENIED, NULL, NULL },
    { "warder", "x", "warder/acme/k/1", FAIL_DENIED, NULL, NULL },
    { "default", "x", "warder", FAIL_DENIED, NULL, NULL },
    /* L19: nothing that the server could read as another path */
    { "default", "x", "web/../warder/acme/k/1", FAIL_INPUT, NULL, NULL },
    { "default", "x", "./warder/acme", FAIL_INPUT, NULL, NULL },
    { "default", "x", "..", FAIL_INPUT, NULL, NULL },
    { "default", "x", "%2e%2e/sys", FAIL_INPUT, NULL, NULL },
    { "default", "x", "a%2fb", FAIL_INPUT, NULL, NULL },
    { "default", "x", "/web", FAIL_INPUT, NULL, NULL },
    { "default", "x", "web/", FAIL_INPUT, NULL, NULL },
    { "default", "x", "a//b", FAIL_INPUT, NULL, NULL },
    { "default", "x", "a\\b", FAIL_INPUT, NULL, NULL },
    { "default", "x", "a?version=1", FAIL_INPUT, NULL, NULL },
    { "default", "x", "a b", FAIL_INPUT, NULL, NULL },
    { "default", "x", "a\r\nX-Vault-Token: t", FAIL_INPUT, NULL, NULL },
    { "default", "x", "caf\xc3\xa9", FAIL_INPUT, NULL, NULL },
    { "default", "x", "#key", FAIL_INPUT, NULL, NULL },
    { "default", "x", "a#", FAIL_INPUT, NULL, NULL },
    { "..", "x", "", FAIL_INPUT, NULL, NULL },
    { "a/b", "x", "", FAIL_INPUT, NULL, NULL },
    { "", "x", "", FAIL_INPUT, NULL, NULL },
    { "default", "../../sys", "", FAIL_INPUT, NULL, NULL },
    { "default", "", "", FAIL_INPUT, NULL, NULL },
};

static void places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key_ref ref = { span_str(rows[i].tenant), span_str(rows[i].id), 3, span_str(rows[i].external) };
        struct vault_place place owned(vault_place_done) = { 0 };
        struct err e = vault_place_of(&v, &ref, &place);

        if (e.kind != rows[i].kind)
            fail_msg("%s %s %s: %s", rows[i].tenant, rows[i].id, rows[i].external, fail_kind_name(e.kind));
        if (failed(e))
            continue;
        assert_string_equal(buf_str(&place.path), rows[i].path);
        assert_true(span_equal_str(place.field, rows[i].field));
    }
}

static void a_nul_is_no_name(void **state)
{
    (void)state;
    assert_fails(vault_path_check(SPAN("web\0k")), FAIL_INPUT);
    assert_ok(vault_path_check(SPAN("team/key-broker_1.x~@:=")));
}

static void configurations(void **state)
{
    static const struct vault_config wrong[] = {
        { .url = "http://127.0.0.1:1", .token_file = "/nonexistent", .mount = "m", .prefix = "p" },
        { .url = "ftp://127.0.0.1:1", .token_file = "/nonexistent", .mount = "m", .prefix = "p", .allow_plain_http = true },
        { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .mount = "../m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .mount = "m", .prefix = "" },
        { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .mount = "m", .prefix = "p", .kv_version = 3 },
        { .url = "https://127.0.0.1:1 http://127.0.0.1:2", .token_file = "/nonexistent", .mount = "m", .prefix = "p" },
        { .url = " , ", .token_file = "/nonexistent", .mount = "m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .mount = "m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .role_id_file = "/nonexistent", .mount = "m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .role_id_file = "/nonexistent", .secret_id_file = "/nonexistent",
          .mount = "m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .role_id_file = "/nonexistent", .secret_id_file = "/nonexistent", .approle_mount = "a/../b",
          .mount = "m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .name_space = "a b", .mount = "m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .certificate = "/nonexistent", .mount = "m", .prefix = "p" },
        { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .certificate = "/nonexistent", .key = "/nonexistent",
          .mount = "m", .prefix = "p" },
    };
    struct keystore *k owned(keystore_close) = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_fails(vault_open(&wrong[i], &k), FAIL_INPUT);
    const struct vault_config no_token = { .url = "https://127.0.0.1:1", .token_file = "/nonexistent", .mount = "m", .prefix = "p" };
    assert_fails(vault_open(&no_token, &k), FAIL_UPSTREAM);
    assert_null(k);
}

static void addresses(void **state)
{
    struct vault_nodes *n owned(vault_nodes_free) = NULL;

    (void)state;
    assert_ok(vault_nodes_new(SPAN("https://a:1/, https://b:2//\thttps://c:3 "), &n));
    assert_int_equal(vault_nodes_count(n), 3);
    assert_string_equal(vault_nodes_url(n, 0), "https://a:1");
    assert_string_equal(vault_nodes_url(n, 1), "https://b:2");
    assert_string_equal(vault_nodes_url(n, 2), "https://c:3");
    vault_nodes_free(n);
    n = NULL;
    assert_ok(vault_nodes_new(SPAN("a b c d e f g h i"), &n));
    vault_nodes_free(n);
    n = NULL;
    assert_fails(vault_nodes_new(SPAN("a b c d e f g h i j"), &n), FAIL_LIMIT);
    assert_null(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(places), cmocka_unit_test(addresses), cmocka_unit_test(a_nul_is_no_name),
                                        cmocka_unit_test(configurations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
