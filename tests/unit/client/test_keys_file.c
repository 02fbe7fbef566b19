// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/buf.h"
#include "client/keys_file.h"

#define ID "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4"
#define URI "pkcs11:token=KMS;id=" ID ";object=RSAKEY;type=private;pin-value=1234"

static void good_uris(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *label, *pin, *certificate;
        bool secret_key;
    } rows[] = {
        { URI, "RSAKEY", "1234", NULL, false },
        { URI ";", "RSAKEY", "1234", NULL, false },
        { "pkcs11:token=KMS;id=164B41AE-be61-4c7c-a027-4a2ab1e5e4c4;object=AES%20KEY;type=secret-"
          "key?pin-value=%31234",
          "AES KEY", "1234", NULL, true },
        { "pkcs11:type=private;object=k;id=" ID
          ";token=K%4DS?pin-value=abcd&x-certificate=/etc/a%20b.pem",
          "k", "abcd", "/etc/a b.pem", false },
        { URI ";x-certificate=/x.pem", "RSAKEY", "1234", "/x.pem", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key_line l owned(key_line_done) = { 0 };
        assert_ok(key_uri_parse(span_str(rows[i].uri), &l));
        assert_string_equal(l.id, ID);
        assert_string_equal(l.label, rows[i].label);
        assert_int_equal(l.secret_key, rows[i].secret_key);
        assert_true(span_equal_str(secret_expose(l.pin), rows[i].pin));
        if (rows[i].certificate)
            assert_string_equal(l.certificate, rows[i].certificate);
        else
            assert_null(l.certificate);
    }
}

static void bad_uris(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "pkcs11:",
        "pkcs12:token=KMS",
        "PKCS11:token=KMS;id=" ID ";object=a;type=private;pin-value=1234",
        "pkcs11:token=OTHER;id=" ID ";object=a;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=1;object=a;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=../../../../../../../../../etc/"
        "pass;object=a;type=private;pin-value=1234", /* L19 */
        "pkcs11:token=KMS;id=" ID "0;object=a;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=" ID ";object=;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=" ID ";object=a;type=public;pin-value=1234",
        "pkcs11:token=KMS;id=" ID ";object=a;type=private;pin-value=123",
        "pkcs11:token=KMS;id=" ID ";object=a;type=private",
        "pkcs11:token=KMS;id=" ID ";type=private;pin-value=1234",
        "pkcs11:id=" ID ";object=a;type=private;pin-value=1234",
        URI ";object=b",
        URI ";slot-id=1",
        URI ";;",
        URI "?object=b",
        URI ";object",
        "pkcs11:token=KMS;id=" ID ";object=a%;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=" ID ";object=a%4;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=" ID ";object=a%zz;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=" ID ";object=a%00b;type=private;pin-value=1234",
        "pkcs11:token=KMS;id=" ID ";object=a%0ab;type=private;pin-value=1234",
        URI ";x-certificate=relative.pem",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key_line l = { 0 };
        struct err e = key_uri_parse(span_str(rows[i]), &l);
        if (e.kind != FAIL_INPUT)
            fail_msg("taken: %s", rows[i]);
        assert_null(l.pin); /* nothing comes out of a failure */
    }
}

/* Only the optional parts at the end may be left out. */
static void every_prefix_fails(void **state)
{
    (void)state;
    struct span uri = SPAN(URI);
    for (size_t n = 0; n < uri.len; n++) {
        struct key_line l = { 0 };
        assert_fails(key_uri_parse(span_head(uri, n), &l), FAIL_INPUT);
    }
}

static void long_values_fail(void **state)
{
    (void)state;
    struct buf uri owned(buf_done) = buf_of(4096);
    struct key_line l = { 0 };

    buf_add_str(&uri, "pkcs11:token=KMS;id=" ID ";type=private;pin-value=1234;object=");
    for (int i = 0; i < KEY_LABEL_MAX; i++)
        buf_add_u8(&uri, 'a');
    assert_ok(key_uri_parse(buf_span(&uri), &l));
    key_line_done(&l);
    buf_add_u8(&uri, 'a');
    assert_fails(key_uri_parse(buf_span(&uri), &l), FAIL_INPUT);
    for (int i = 0; i < 2048; i++)
        buf_add_u8(&uri, ';');
    assert_fails(key_uri_parse(buf_span(&uri), &l), FAIL_LIMIT);
}

static void files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        unsigned line;
        uint32_t kind;
    } rows[] = {
        { URI "\n", 1, 0, FAIL_NONE },
        { URI, 1, 0, FAIL_NONE },
        { "# keys\r\n\r\n  " URI ";  \r\n", 1, 0, FAIL_NONE },
        { URI "\npkcs11:token=KMS;id=264b41ae-be61-4c7c-a027-4a2ab1e5e4c4;object=RSAKEY;type="
              "private;pin-value=1234\n",
          2, 0, FAIL_NONE },
        { "", 0, 0, FAIL_INPUT },
        { "\n#\n", 0, 0, FAIL_INPUT },
        { URI "\nnonsense\n", 0, 2, FAIL_INPUT },
        { "\n" URI "\n" URI "\n", 0, 3, FAIL_INPUT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys_file f owned(keys_file_done) = { 0 };
        unsigned line = 99;
        assert_fails(keys_file_parse(span_str(rows[i].text), &f, &line), rows[i].kind);
        assert_int_equal(f.count, rows[i].count);
        assert_int_equal(line, rows[i].line);
    }
}

static void too_many_keys(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(1U << 20);
    struct keys_file f owned(keys_file_done) = { 0 };
    unsigned line = 0;

    for (unsigned i = 0; i <= KEYS_MAX; i++)
        buf_addf(&text,
                 "pkcs11:token=KMS;id=164b41ae-be61-4c7c-a027-%012x;object=k;type=private;pin-"
                 "value=1234\n",
                 i);
    assert_fails(keys_file_parse(buf_span(&text), &f, &line), FAIL_LIMIT);
    assert_int_equal(line, KEYS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_uris),
        cmocka_unit_test(bad_uris),
        cmocka_unit_test(every_prefix_fails),
        cmocka_unit_test(long_values_fail),
        cmocka_unit_test(files),
        cmocka_unit_test(too_many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
