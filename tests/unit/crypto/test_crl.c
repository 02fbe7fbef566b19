// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hex.h"
#include "crypto/crl.h"
#include "crypto/crypto.h"
#include "crypto/pem_internal.h"

#define NOW 1795000000
#define SET "intel/sgx3-plat-00606a000000-77bcbd-ev15-2759/"

static void read_vector(const char *name, struct buf *out)
{
    struct buf path owned(buf_done) = buf_of(4096);

    buf_addf(&path, "%s/%s", getenv("WARDER_VECTORS"), name);
    assert_false(failed(file_read(buf_str(&path), out)));
}

struct issuer {
    struct key *key;
    struct cert *cert;
};

static void issuer_donep(struct issuer *i)
{
    cert_free(i->cert);
    key_free(i->key);
}

static struct issuer make_issuer(void)
{
    struct issuer i = { 0 };

    assert_false(failed(key_make_ec(KEY_P256, &i.key)));
    const struct cert_request req = { .common_name = "CA", .key = i.key, .not_before = NOW, .not_after = NOW + 9, .ca = true, .path_len = -1 };
    assert_false(failed(cert_issue(&req, NULL, i.key, &i.cert)));
    return i;
}

/* One list in its three forms: DER, PEM, and the hex text that PCS v3 sends (with its NUL). */
static void intel_list_in_three_forms(void **state)
{
    (void)state;
    struct buf chain_text owned(buf_done) = buf_of(65536), der owned(buf_done) = buf_of(CRL_DER_MAX);
    struct buf hex owned(buf_done) = buf_of(2 * CRL_DER_MAX + 2), pem owned(buf_done) = buf_of(2 * CRL_DER_MAX);
    struct chain chain owned(chain_done) = { 0 };
    struct crl *a owned(crl_free) = NULL, *b owned(crl_free) = NULL, *c owned(crl_free) = NULL;
    bool good = false;

    read_vector(SET "pck_crl.der", &der);
    read_vector(SET "pck_crl_issuer_chain.pem", &chain_text);
    assert_false(failed(chain_from_pem(buf_span(&chain_text), &chain)));
    assert_false(failed(crl_parse(buf_span(&der), &a)));
    hex_add(&hex, buf_span(&der));
    buf_add(&hex, SPAN("\n\0"));
    assert_false(failed(crl_parse(buf_span(&hex), &b)));
    pem_add(&pem, "X509 CRL", buf_span(&der));
    assert_false(failed(crl_parse(buf_span(&pem), &c)));
    assert_true(span_equal(crl_der(a), crl_der(b)) && span_equal(crl_der(a), crl_der(c)));
    assert_true(span_equal(crl_issuer(a), cert_subject(chain.certs[0])));
    assert_true(span_equal(crl_authority_key_id(a), cert_subject_key_id(chain.certs[0])));
    assert_true(crl_has_next_update(a) && crl_next_update(a) > crl_this_update(a));
    assert_true(crl_number(a).len > 0);
    assert_false(crl_has_unknown_critical(a));
    assert_false(failed(crl_signed_by(a, cert_key(chain.certs[0]), &good)));
    assert_true(good);
    assert_false(failed(crl_signed_by(a, cert_key(chain.certs[1]), &good)));
    assert_false(good);
}

static void issued_list(void **state)
{
    (void)state;
    struct issuer i owned(issuer_done) = make_issuer(), other owned(issuer_done) = make_issuer();
    const struct span serials[] = { SPAN("\x12\x34"), SPAN("\xff"), SPAN("\x00\x80"), SPAN("\x01"), SPAN("\0") };
    struct crl *c owned(crl_free) = NULL, *none = NULL;
    bool good = false;

    assert_false(failed(crl_issue(i.cert, i.key, serials, 5, NOW, NOW + 60, 258, &c)));
    assert_true(crl_this_update(c) == NOW && crl_next_update(c) == NOW + 60);
    assert_true(span_equal(crl_number(c), SPAN("\x01\x02")));
    assert_true(span_equal(crl_issuer(c), cert_subject(i.cert)));
    assert_false(failed(crl_signed_by(c, i.key, &good)));
    assert_true(good);
    assert_true(crl_lists(c, SPAN("\x12\x34")));
    assert_true(crl_lists(c, SPAN("\xff")));
    assert_true(crl_lists(c, SPAN("\x80")));
    assert_true(crl_lists(c, SPAN("\x01")));
    assert_true(crl_lists(c, SPAN("\0")));
    assert_false(crl_lists(c, SPAN("\x12")));
    assert_false(crl_lists(c, SPAN("\x34\x12")));
    assert_false(crl_lists(c, SPAN("\x12\x34\x00")));
    assert_false(crl_lists(c, SPAN("")));
    assert_int_equal(crl_issue(i.cert, other.key, serials, 5, NOW, NOW + 60, 1, &none).kind, FAIL_INPUT);
    assert_int_equal(crl_issue(i.cert, i.key, serials, 5, NOW, NOW - 1, 1, &none).kind, FAIL_INPUT);
    assert_null(none);
}

static void empty_list_and_full_list(void **state)
{
    (void)state;
    struct issuer i owned(issuer_done) = make_issuer();
    struct crl *empty owned(crl_free) = NULL, *full owned(crl_free) = NULL, *none = NULL;
    enum { MANY = 5000 };
    static uint8_t bytes[MANY][4];
    static struct span serials[MANY];

    for (uint32_t n = 0; n < MANY; n++) {
        uint32_t value = 0x40000000 + n * 7919;
        for (size_t k = 0; k < 4; k++)
            bytes[n][k] = (uint8_t)(value >> (24 - 8 * k));
        serials[n] = SPAN_OF(bytes[n]);
    }
    assert_false(failed(crl_issue(i.cert, i.key, NULL, 0, NOW, NOW + 1, 1, &empty)));
    assert_false(crl_lists(empty, SPAN("\x01")));
    assert_false(failed(crl_issue(i.cert, i.key, serials, MANY, NOW, NOW + 1, 1, &full)));
    for (size_t n = 0; n < MANY; n++)
        assert_true(crl_lists(full, serials[n]));
    assert_false(crl_lists(full, SPAN("\x40\x00\x00\x01")));
    assert_int_equal(crl_issue(i.cert, i.key, serials, 1U << 20, NOW, NOW + 1, 1, &none).kind, FAIL_LIMIT);
}

static void prefixes_and_shapes(void **state)
{
    (void)state;
    struct issuer i owned(issuer_done) = make_issuer();
    const struct span serials[] = { SPAN("\x12\x34") };
    struct crl *c owned(crl_free) = NULL, *none = NULL;
    struct buf copy owned(buf_done) = buf_of(4096);

    assert_false(failed(crl_issue(i.cert, i.key, serials, 1, NOW, NOW + 60, 1, &c)));
    buf_add(&copy, crl_der(c));
    for (size_t len = 0; len < copy.len; len++)
        assert_int_equal(crl_parse(span_head(buf_span(&copy), len), &none).kind, FAIL_INPUT);
    buf_add_u8(&copy, 0);
    assert_int_equal(crl_parse(buf_span(&copy), &none).kind, FAIL_INPUT);
    assert_int_equal(crl_parse(SPAN("308"), &none).kind, FAIL_INPUT);
    assert_int_equal(crl_parse(SPAN("3080zz"), &none).kind, FAIL_INPUT);
    assert_int_equal(crl_parse(SPAN("\n"), &none).kind, FAIL_INPUT);
    assert_int_equal(crl_parse(SPAN("{\"crl\":1}"), &none).kind, FAIL_INPUT);
    assert_null(none);
    for (size_t at = 0; at < copy.len - 1; at++) {
        struct crl *changed owned(crl_free) = NULL;
        bool good = true;

        copy.at[at] ^= 1;
        if (!failed(crl_parse(span_head(buf_span(&copy), copy.len - 1), &changed)) &&
            !failed(crl_signed_by(changed, i.key, &good)))
            assert_false(good);
        copy.at[at] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intel_list_in_three_forms),
        cmocka_unit_test(issued_list),
        cmocka_unit_test(empty_list_and_full_list),
        cmocka_unit_test(prefixes_and_shapes),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
