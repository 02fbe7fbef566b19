// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/x509.h"
#include "x509_samples.h"

#define NOW 1795000000
#define SET "intel/sgx3-plat-00606a000000-77bcbd-ev15-2759/"

static void read_vector(const char *name, struct buf *out)
{
    struct buf path owned(buf_done) = buf_of(4096);

    buf_addf(&path, "%s/%s", getenv("WARDER_VECTORS"), name);
    assert_false(failed(file_read(buf_str(&path), out)));
}

static struct cert *cert_of(const char *pem)
{
    struct chain c = { 0 };

    assert_false(failed(chain_from_pem(span_str(pem), &c)));
    assert_int_equal(c.count, 1);
    return c.certs[0];
}

static struct key *make(enum key_kind kind)
{
    struct key *k = NULL;

    assert_false(failed(kind == KEY_RSA ? key_make_rsa(2048, &k) : key_make_ec(kind, &k)));
    return k;
}

static struct cert *issue_ca(const struct key *k)
{
    struct cert *c = NULL;
    const struct cert_request req = { .common_name = "Test Root", .key = k, .not_before = NOW, .not_after = NOW + 1000, .ca = true, .path_len = 1 };

    assert_false(failed(cert_issue(&req, NULL, k, &c)));
    return c;
}

static void intel_chain(void **state)
{
    (void)state;
    struct buf pem owned(buf_done) = buf_of(65536), cn owned(buf_done) = buf_of(64);
    struct chain chain owned(chain_done) = { 0 };
    bool good = false;

    read_vector(SET "pck_crl_issuer_chain.pem", &pem);
    assert_false(failed(chain_from_pem(buf_span(&pem), &chain)));
    assert_int_equal(chain.count, 2);
    const struct cert *ca = chain.certs[0], *root = chain.certs[1];
    assert_false(failed(cert_subject_cn(ca, &cn)));
    assert_string_equal(buf_str(&cn), "Intel SGX PCK Platform CA");
    buf_clear(&cn);
    assert_false(failed(cert_issuer_cn(ca, &cn)));
    assert_string_equal(buf_str(&cn), "Intel SGX Root CA");
    assert_true(span_equal(cert_issuer(ca), cert_subject(root)));
    assert_true(span_equal(cert_authority_key_id(ca), cert_subject_key_id(root)));
    assert_false(failed(cert_signed_by(ca, cert_key(root), &good)));
    assert_true(good);
    assert_false(failed(cert_signed_by(root, cert_key(root), &good)));
    assert_true(good);
    assert_false(failed(cert_signed_by(root, cert_key(ca), &good)));
    assert_false(good);
    assert_true(cert_is_ca(ca) && cert_is_ca(root));
    assert_int_equal(cert_path_len(ca), 0);
    assert_int_equal(cert_path_len(root), 1);
    assert_true(cert_may_sign_certs(ca) && cert_may_sign_crls(ca));
    assert_int_equal(cert_not_before(ca), 1526899810); /* 2018-05-21T10:50:10Z */
    assert_int_equal(cert_not_after(ca), 2000285410);  /* 2033-05-21T10:50:10Z */
    assert_false(cert_has_unknown_critical(ca) || cert_has_unknown_critical(root));
    assert_int_equal(key_kind_of(cert_key(root)), KEY_P256);
}

/* Every prefix of a certificate fails, so does one byte behind it; no changed byte keeps the signature good. */
static void prefixes_and_changes(void **state)
{
    (void)state;
    struct key *k owned(key_free) = make(KEY_P256);
    struct cert *c owned(cert_free) = issue_ca(k), *none = NULL;
    struct buf copy owned(buf_done) = buf_of(CERT_DER_MAX);

    buf_add(&copy, cert_der(c));
    for (size_t len = 0; len < copy.len; len++)
        assert_int_equal(cert_from_der(span_head(buf_span(&copy), len), &none).kind, FAIL_INPUT);
    buf_add_u8(&copy, 0);
    assert_int_equal(cert_from_der(buf_span(&copy), &none).kind, FAIL_INPUT);
    copy.len--;
    for (size_t i = 0; i < copy.len; i++) {
        struct cert *changed owned(cert_free) = NULL;
        bool good = true;

        copy.at[i] ^= 1;
        if (!failed(cert_from_der(buf_span(&copy), &changed)) && !failed(cert_signed_by(changed, k, &good)))
            assert_false(good);
        copy.at[i] ^= 1;
    }
    assert_null(none);
    struct buf large owned(buf_done) = buf_of(CERT_DER_MAX + 1);
    (void)buf_extend(&large, CERT_DER_MAX + 1);
    assert_int_equal(cert_from_der(buf_span(&large), &none).kind, FAIL_LIMIT);
}

/* The PEM around certificates: what OpenSSL skips in silence is refused. */
static void strict_pem(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        enum fail_kind kind;
    } rows[] = {
        { "", "", FAIL_NONE },          { "\n\r\n \t", " \r\n", FAIL_NONE }, { "x", "", FAIL_INPUT },
        { "", "x", FAIL_INPUT },        { "# note\n", "", FAIL_INPUT },      { "", "-----BEGIN CERTIFICATE-----\n", FAIL_INPUT },
        { "\xef\xbb\xbf", "", FAIL_INPUT }, { "", "subject=CN\n", FAIL_INPUT }, { "", "-----", FAIL_INPUT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf pem owned(buf_done) = buf_of(8192);
        struct chain chain owned(chain_done) = { 0 };

        buf_addf(&pem, "%s%s%s", rows[i].before, sample_serial_zero, rows[i].after);
        assert_int_equal(chain_from_pem(buf_span(&pem), &chain).kind, rows[i].kind);
        assert_int_equal(chain.count, rows[i].kind == FAIL_NONE);
    }
    struct chain chain owned(chain_done) = { 0 }, nuls owned(chain_done) = { 0 };
    assert_int_equal(chain_from_pem(SPAN(""), &chain).kind, FAIL_INPUT);
    assert_int_equal(chain_from_pem(SPAN("\0\0"), &chain).kind, FAIL_INPUT);
    struct buf pem owned(buf_done) = buf_of(65536);
    buf_add_str(&pem, sample_serial_zero);
    buf_add(&pem, SPAN("\0\0\0"));
    assert_false(failed(chain_from_pem(buf_span(&pem), &nuls))); /* NULs at the very end only */
    buf_add_str(&pem, sample_serial_zero);
    assert_int_equal(chain_from_pem(buf_span(&pem), &chain).kind, FAIL_INPUT);
    buf_clear(&pem);
    for (size_t i = 0; i <= CHAIN_MAX; i++)
        buf_add_str(&pem, sample_serial_zero);
    assert_int_equal(chain_from_pem(buf_span(&pem), &chain).kind, FAIL_LIMIT);
    assert_int_equal(chain_from_pem(span_head(buf_span(&pem), CHAIN_MAX * (sizeof sample_serial_zero - 1)), &chain).kind, FAIL_NONE);
}

static void pem_bodies(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END X509 CRL-----\n",
        "-----BEGIN CERTIFICATE-----MIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE----\n",
        "-----BEGIN CERTIFICATE----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN -----\nMIIB\n-----END -----\n",
        "-----BEGIN TRUSTED CERTIFICATE-----\nMIIB\n-----END TRUSTED CERTIFICATE-----\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chain chain = { 0 };
        assert_int_equal(chain_from_pem(span_str(rows[i]), &chain).kind, FAIL_INPUT);
    }
    struct span whole = span_str(sample_pss);
    for (size_t len = 0; len + 1 < whole.len; len++) { /* without the last line end it is whole */
        struct chain chain = { 0 };
        assert_true(failed(chain_from_pem(span_head(whole, len), &chain)));
    }
}

static void serial_zero_as_in_vcek(void **state)
{
    (void)state;
    struct cert *c owned(cert_free) = cert_of(sample_serial_zero);

    assert_true(span_equal(cert_serial(c), SPAN("\0")));
}

static void pss_signatures(void **state)
{
    (void)state;
    struct cert *c owned(cert_free) = cert_of(sample_pss), *odd owned(cert_free) = cert_of(sample_pss_short_salt);
    struct cert *sha1 owned(cert_free) = cert_of(sample_sha1);
    struct key *other owned(key_free) = make(KEY_RSA);
    bool good = false;

    assert_false(failed(cert_signed_by(c, cert_key(c), &good)));
    assert_true(good);
    assert_false(failed(cert_signed_by(c, other, &good)));
    assert_false(good);
    /* Salt shorter than the digest, SHA-1: not decided, and never good. */
    assert_int_equal(cert_signed_by(odd, cert_key(odd), &good).kind, FAIL_INPUT);
    assert_int_equal(cert_signed_by(sha1, cert_key(sha1), &good).kind, FAIL_INPUT);
    assert_false(good);
}

static void refused_keys(void **state)
{
    (void)state;
    static const char *const rows[] = { sample_k256, sample_explicit, sample_ed25519, sample_small_rsa };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chain chain = { 0 };
        assert_int_equal(chain_from_pem(span_str(rows[i]), &chain).kind, FAIL_INPUT);
    }
}

static void properties(void **state)
{
    (void)state;
    struct cert *critical owned(cert_free) = cert_of(sample_unknown_critical), *two owned(cert_free) = cert_of(sample_two_names);
    struct cert *none owned(cert_free) = cert_of(sample_no_name), *path owned(cert_free) = cert_of(sample_path_len);
    struct buf cn owned(buf_done) = buf_of(64);

    assert_true(cert_has_unknown_critical(critical));
    assert_false(cert_has_unknown_critical(two));
    assert_true(span_equal(cert_extension(critical, SPAN("\x2a\x03\x04")), SPAN("\x05\x00")));
    assert_int_equal(cert_extension(critical, SPAN("\x2a\x03\x05")).len, 0);
    assert_int_equal(cert_subject_cn(two, &cn).kind, FAIL_INPUT);
    assert_int_equal(cert_subject_cn(none, &cn).kind, FAIL_INPUT);
    assert_int_equal(cert_path_len(path), 2);
    assert_true(cert_is_ca(path) && cert_may_sign_certs(path));
    assert_false(cert_may_sign_crls(path));
    assert_true(cert_equal(path, path) && !cert_equal(path, two));
}

static void issued_certificates(void **state)
{
    (void)state;
    static const enum key_kind kinds[] = { KEY_RSA, KEY_P256, KEY_P384, KEY_P521 };
    struct key *leaf_key owned(key_free) = make(KEY_P256), *stranger owned(key_free) = make(KEY_P256);

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct key *k owned(key_free) = make(kinds[i]);
        struct cert *ca owned(cert_free) = issue_ca(k), *leaf owned(cert_free) = NULL, *none = NULL;
        struct buf pem owned(buf_done) = buf_of(8192), cn owned(buf_done) = buf_of(64);
        struct chain again owned(chain_done) = { 0 };
        const struct cert_extra extra[] = { { "1.2.840.113741.1.13.1", SPAN("\x04\x01x"), false }, { 0 } };
        const char *const san[] = { "kbs.example.org", "127.0.0.1", "::1", NULL };
        struct cert_request req = { .common_name = "leaf", .san = san, .key = leaf_key, .not_before = NOW, .not_after = NOW + 60, .path_len = -1, .server_auth = true, .extra = extra };
        bool good = false;

        assert_false(failed(cert_issue(&req, ca, k, &leaf)));
        assert_false(failed(cert_signed_by(leaf, k, &good)));
        assert_true(good);
        assert_true(span_equal(cert_issuer(leaf), cert_subject(ca)));
        assert_true(span_equal(cert_authority_key_id(leaf), cert_subject_key_id(ca)));
        assert_true(key_same_public(cert_key(leaf), leaf_key));
        assert_false(cert_is_ca(leaf) || cert_may_sign_certs(leaf) || cert_has_unknown_critical(leaf));
        assert_int_equal(cert_path_len(leaf), -1);
        assert_int_equal(cert_path_len(ca), 1);
        assert_true(span_equal(cert_extension(leaf, SPAN("\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01")), SPAN("\x04\x01x")));
        assert_int_equal(cert_serial(leaf).len, 16);
        assert_false(span_equal(cert_serial(leaf), cert_serial(ca)));
        assert_true(cert_not_before(leaf) == NOW && cert_not_after(leaf) == NOW + 60);
        assert_false(failed(cert_subject_cn(leaf, &cn)));
        assert_string_equal(buf_str(&cn), "leaf");
        assert_false(failed(cert_to_pem(leaf, &pem)));
        assert_false(failed(chain_from_pem(buf_span(&pem), &again)));
        assert_true(cert_equal(again.certs[0], leaf));
        assert_int_equal(cert_issue(&req, ca, stranger, &none).kind, FAIL_INPUT);
        assert_null(none);
    }
}

static void refused_requests(void **state)
{
    (void)state;
    struct key *k owned(key_free) = make(KEY_P256);
    const char *const bad_name[] = { "a b", NULL }, *const slash[] = { "a/b", NULL };
    const struct cert_extra bad_oid[] = { { "1.2..3", SPAN("\x05\x00"), false }, { 0 } }, one_arc[] = { { "1", SPAN("\x05\x00"), false }, { 0 } };
    const struct cert_extra twice[] = { { "2.5.29.19", SPAN("\x30\x00"), false }, { 0 } };
    const struct cert_request fine = { .common_name = "x", .key = k, .not_before = NOW, .not_after = NOW + 1, .path_len = -1 };
    struct cert_request rows[9];

    for (size_t i = 0; i < 9; i++)
        rows[i] = fine;
    rows[0].common_name = "";
    rows[1].common_name = "a\nb";
    rows[2].common_name = "0123456789012345678901234567890123456789012345678901234567890123x";
    rows[3].san = bad_name;
    rows[4].san = slash;
    rows[5].not_after = NOW - 1;
    rows[6].extra = bad_oid;
    rows[7].extra = one_arc;
    rows[8].extra = twice;
    struct cert *none = NULL, *c owned(cert_free) = NULL;
    assert_false(failed(cert_issue(&fine, NULL, k, &c)));
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(cert_issue(&rows[i], NULL, k, &none).kind, FAIL_INPUT);
    assert_null(none);
}

/* 2049 is UTCTime, 2050 GeneralizedTime; both come back. */
static void both_time_forms(void **state)
{
    (void)state;
    static const int64_t ends[] = { 2524607999, 2524608000, 253402300799 };
    struct key *k owned(key_free) = make(KEY_P256);

    for (size_t i = 0; i < 3; i++) {
        const struct cert_request req = { .common_name = "x", .key = k, .not_before = 0, .not_after = ends[i], .path_len = -1 };
        struct cert *c owned(cert_free) = NULL;

        assert_false(failed(cert_issue(&req, NULL, k, &c)));
        assert_true(cert_not_before(c) == 0 && cert_not_after(c) == ends[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intel_chain),       cmocka_unit_test(prefixes_and_changes),
        cmocka_unit_test(strict_pem),        cmocka_unit_test(pem_bodies),
        cmocka_unit_test(serial_zero_as_in_vcek), cmocka_unit_test(pss_signatures),
        cmocka_unit_test(refused_keys),      cmocka_unit_test(properties),
        cmocka_unit_test(issued_certificates), cmocka_unit_test(refused_requests),
        cmocka_unit_test(both_time_forms),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
