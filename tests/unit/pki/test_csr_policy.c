// SPDX-License-Identifier: Apache-2.0
#include "pki/csr_policy.h"

#include <stdio.h>

#include "crypto/crypto.h"
#include "unit.h"

static struct key *p256, *p384, *p521, *rsa;

static enum csr_verdict judge(const char *name, const char *const *san, const char *cn,
                              const char *sans, const char *types, enum cert_type type)
{
    const struct csr csr = { .key = p256, .common_name = (char *)name, .san = (char **)san };
    const struct csr_grant grant = { span_str(cn), span_str(sans), span_str(types) };

    return csr_granted(&csr, type, &grant, 1);
}

static void common_names(void **state)
{
    static const struct {
        const char *asked, *granted;
        enum csr_verdict wanted;
    } rows[] = {
        { "nginx", "nginx", CSR_GOOD },
        { "NGINX", "nginx", CSR_GOOD },
        { "KBS TLS Certificate", "KBS TLS Certificate", CSR_GOOD },
        { "nginx-7", "nginx-*", CSR_GOOD },
        { "nginx", "*", CSR_GOOD },
        { "a.b.c", "a*c", CSR_GOOD },
        { "aXbXc", "*X*X*", CSR_GOOD },
        { "nginx", "nginx2", CSR_NAME_NOT_GRANTED },
        { "nginx2", "nginx", CSR_NAME_NOT_GRANTED },
        { "anginx", "nginx*", CSR_NAME_NOT_GRANTED },
        { "nginx", "", CSR_NAME_NOT_GRANTED },
        { "nginx", "n", CSR_NAME_NOT_GRANTED },
        /* L18: metacharacters of the request */
        { "*", "nginx", CSR_NAME_REFUSED },
        { "*", "*", CSR_NAME_REFUSED },
        { "nginx;CERTTYPE=TLS", "*", CSR_NAME_REFUSED },
        { "nginx,other", "*", CSR_NAME_REFUSED },
        { "ng\nx", "*", CSR_NAME_REFUSED },
        { "ng/x", "*", CSR_NAME_REFUSED },
        { "", "*", CSR_NAME_REFUSED },
        { NULL, "*", CSR_NAME_REFUSED },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "*",
          CSR_NAME_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum csr_verdict v = judge(rows[i].asked, NULL, rows[i].granted, "", "TLS", CERT_TLS);
        if (v != rows[i].wanted)
            fail_msg("%s for %s: %s", rows[i].granted, rows[i].asked, csr_verdict_code(v));
    }
}

/* Each name of the request must be in the role: asking for one more is refused, not trimmed. */
static void alternative_names(void **state)
{
    static const struct {
        const char *asked[4], *granted;
        enum csr_verdict wanted;
    } rows[] = {
        { { "localhost" }, "localhost,127.0.0.1", CSR_GOOD },
        { { "LocalHost", "127.0.0.1" }, "localhost, 127.0.0.1", CSR_GOOD },
        { { NULL }, "", CSR_GOOD },
        { { "localhost", "evil.example" }, "localhost,127.0.0.1", CSR_SAN_NOT_GRANTED },
        { { "localhost" }, "", CSR_SAN_NOT_GRANTED },
        { { "127.0.0.2" }, "127.0.0.1", CSR_SAN_NOT_GRANTED },
        { { "::1" }, "0:0:0:0:0:0:0:1", CSR_GOOD },
        { { "::2" }, "::1", CSR_SAN_NOT_GRANTED },
        { { "::7f00:1" }, "127.0.0.1", CSR_SAN_NOT_GRANTED },
        { { "a.example.com" }, "*.example.com", CSR_GOOD },
        { { "a.b.example.com" }, "*.example.com", CSR_SAN_NOT_GRANTED },
        { { "example.com" }, "*.example.com", CSR_SAN_NOT_GRANTED },
        { { "a.example.org" }, "*.example.com", CSR_SAN_NOT_GRANTED },
        { { "*.example.com" }, "*.example.com", CSR_GOOD },
        { { "*.example.com" }, "a.example.com", CSR_SAN_NOT_GRANTED },
        { { "*.com" }, "*.example.com", CSR_SAN_NOT_GRANTED },
        { { "anything.example" }, "*", CSR_GOOD },
        { { "10.1.2.3" }, "*", CSR_GOOD },
        { { "*.example" }, "*", CSR_SAN_NOT_GRANTED },
        { { "*" }, "*", CSR_SAN_REFUSED },
        { { "a.*.example" }, "*", CSR_SAN_REFUSED },
        { { "a,localhost" }, "localhost", CSR_SAN_REFUSED },
        { { "" }, "*", CSR_SAN_REFUSED },
        { { "a..b" }, "*", CSR_SAN_REFUSED },
        { { ".a" }, "*", CSR_SAN_REFUSED },
        { { "*." }, "*", CSR_SAN_REFUSED },
        { { "a b" }, "*", CSR_SAN_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum csr_verdict v =
            judge("nginx", rows[i].asked, "nginx", rows[i].granted, "TLS", CERT_TLS);
        if (v != rows[i].wanted)
            fail_msg("%s for %s: %s", rows[i].granted, rows[i].asked[0], csr_verdict_code(v));
    }
}

static void count_of_names_is_bounded(void **state)
{
    const char *many[CSR_SANS_MAX + 2] = { NULL };

    (void)state;
    for (size_t i = 0; i < CSR_SANS_MAX; i++)
        many[i] = "localhost";
    assert_int_equal(judge("a", many, "a", "localhost", "TLS", CERT_TLS), CSR_GOOD);
    many[CSR_SANS_MAX] = "localhost";
    assert_int_equal(judge("a", many, "a", "localhost", "TLS", CERT_TLS), CSR_SAN_REFUSED);
}

static void types(void **state)
{
    static const struct {
        const char *granted;
        enum cert_type asked;
        enum csr_verdict wanted;
    } rows[] = {
        { "TLS", CERT_TLS, CSR_GOOD },
        { "tls-client", CERT_TLS_CLIENT, CSR_GOOD },
        { "TLS,TLS-Client", CERT_TLS_CLIENT, CSR_GOOD },
        { "TLS", CERT_TLS_CLIENT, CSR_TYPE_NOT_GRANTED },
        { "TLS-Client", CERT_TLS, CSR_TYPE_NOT_GRANTED },
        { "*", CERT_TLS, CSR_TYPE_NOT_GRANTED },
        { "", CERT_TLS, CSR_TYPE_NOT_GRANTED },
        { "Signing", CERT_TLS, CSR_TYPE_NOT_GRANTED },
    };
    enum cert_type t;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(judge("a", NULL, "a", "", rows[i].granted, rows[i].asked), rows[i].wanted);
    assert_false(cert_type_parse(SPAN("TLS "), &t));
    assert_false(cert_type_parse(SPAN(""), &t));
}

/* L34: any of the grants may allow it, in any order, but only whole. */
static void grants_do_not_add_up(void **state)
{
    const char *const san[] = { "b", NULL };
    const struct csr csr = { .key = p256, .common_name = "a", .san = (char **)san };
    const struct csr_grant name = { SPAN("a"), SPAN("c"), SPAN("TLS") },
                           names = { SPAN("x"), SPAN("b"), SPAN("TLS") },
                           whole = { SPAN("a"), SPAN("b"), SPAN("TLS") };
    const struct csr_grant parts[] = { name, names }, first[] = { whole, name, names },
                           last[] = { names, name, whole };

    (void)state;
    assert_int_equal(csr_granted(&csr, CERT_TLS, parts, 2), CSR_SAN_NOT_GRANTED);
    assert_int_equal(csr_granted(&csr, CERT_TLS, first, 3), CSR_GOOD);
    assert_int_equal(csr_granted(&csr, CERT_TLS, last, 3), CSR_GOOD);
    assert_int_equal(csr_granted(&csr, CERT_TLS, NULL, 0), CSR_TYPE_NOT_GRANTED);
}

static void keys(void **state)
{
    struct csr csr = { .common_name = (char *)"a" };
    const struct {
        struct key *key;
        enum csr_verdict wanted;
    } rows[] = {
        { p256, CSR_GOOD }, { p384, CSR_GOOD }, { rsa, CSR_GOOD }, { p521, CSR_KEY_REFUSED }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        csr.key = rows[i].key;
        assert_int_equal(csr_check(&csr), rows[i].wanted);
    }
    csr.key = p256;
    csr.has_other_names = true;
    assert_int_equal(csr_check(&csr), CSR_SAN_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_names),
        cmocka_unit_test(alternative_names),
        cmocka_unit_test(count_of_names_is_bounded),
        cmocka_unit_test(types),
        cmocka_unit_test(grants_do_not_add_up),
        cmocka_unit_test(keys),
    };

    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(key_make_ec(KEY_P256, &p256)) ||
        failed(key_make_ec(KEY_P384, &p384)) || failed(key_make_ec(KEY_P521, &p521)) ||
        failed(key_make_rsa(2048, &rsa)))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    key_free(p256);
    key_free(p384);
    key_free(p521);
    key_free(rsa);
    return rc;
}
