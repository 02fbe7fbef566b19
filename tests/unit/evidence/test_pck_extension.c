// SPDX-License-Identifier: Apache-2.0
#include "vector_file.h"

#include "base/hex.h"
#include "evidence/der.h"
#include "evidence/pck_extension.h"
#include "evidence/pem.h"
#include "evidence/quote.h"

static struct buf leaf_of(const char *set)
{
    struct buf bytes owned(buf_done) = vector_file(set, "quote.bin");
    struct buf der = buf_of(PEM_CERT_MAX);
    struct quote q;

    assert_ok(quote_parse(buf_span(&bytes), &q));
    assert_ok(pem_first_certificate(q.certification_data, &der));
    return der;
}

static void genuine_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *set, *fmspc, *components;
        uint16_t pce_svn;
        enum pck_ca ca;
        bool platform_values;
    } rows[] = {
        { "sgx3-plat-00606a000000-77bcbd-ev15-2759", "00606a000000", NULL, 0, PCK_CA_PLATFORM, true },
        { "sgx3-proc-00906ed50000-334652-ev17-99e2", "00906ed50000", NULL, 0, PCK_CA_PROCESSOR, false },
        { "tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07", "b0c06f000000", "04040202040100050000000000000000", 11,
          PCK_CA_PLATFORM, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf der owned(buf_done) = leaf_of(rows[i].set);
        struct pck_extension x;
        struct pck_peek peek;
        char text[33];

        assert_ok(pck_peek(buf_span(&der), &peek));
        assert_int_equal(pck_ca_of(peek.issuer_cn), rows[i].ca);
        assert_ok(pck_extension_parse(peek.extension, &x));
        assert_string_equal(hex_str(SPAN_OF(x.fmspc), text), rows[i].fmspc);
        if (rows[i].components) {
            assert_string_equal(hex_str(SPAN_OF(x.components), text), rows[i].components);
            assert_int_equal(x.pce_svn, rows[i].pce_svn);
        }
        assert_int_equal(x.has_instance_id, rows[i].platform_values);
        assert_int_equal(x.has_configuration, rows[i].platform_values);
    }
}

static void prefixes_and_trailing_bytes_fail(void **state)
{
    (void)state;
    struct buf der owned(buf_done) = leaf_of("tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07");
    struct buf longer owned(buf_done) = buf_of(PEM_CERT_MAX);
    struct pck_extension x;
    struct pck_peek peek;

    assert_ok(pck_peek(buf_span(&der), &peek));
    for (size_t len = 0; len < peek.extension.len; len++)
        assert_fails(pck_extension_parse(span_head(peek.extension, len), &x), FAIL_INPUT);
    buf_add(&longer, peek.extension);
    buf_add_u8(&longer, 0);
    assert_fails(pck_extension_parse(buf_span(&longer), &x), FAIL_INPUT);
    struct pck_peek none;
    size_t end = (size_t)(peek.extension.at + peek.extension.len - der.at);
    for (size_t len = 0; len < end; len++)
        assert_fails(pck_peek(span_head(buf_span(&der), len), &none), FAIL_INPUT);
}

/* One tag, one length, one value: the forms that DER forbids. */
static void numbers(void **state)
{
    (void)state;
    static const struct {
        struct span der;
        uint32_t max, value;
        bool good;
    } rows[] = {
        { { (const uint8_t *)"\x02\x01\x07", 3 }, 255, 7, true },
        { { (const uint8_t *)"\x02\x02\x00\xff", 4 }, 255, 255, true },
        { { (const uint8_t *)"\x02\x02\x00\x7f", 4 }, 255, 0, false }, /* padded */
        { { (const uint8_t *)"\x02\x01\xff", 3 }, 255, 0, false },     /* negative */
        { { (const uint8_t *)"\x02\x02\x01\x00", 4 }, 255, 0, false }, /* above the maximum */
        { { (const uint8_t *)"\x02\x00", 2 }, 255, 0, false },
        { { (const uint8_t *)"\x02\x81\x01\x07", 4 }, 255, 0, false }, /* long form of a short length */
        { { (const uint8_t *)"\x02\x80\x07\x00\x00", 5 }, 255, 0, false },
        { { (const uint8_t *)"\x0a\x01\x07", 3 }, 255, 0, false }, /* another type */
        { { (const uint8_t *)"\x02\x06\x00\xff\xff\xff\xff\xff", 8 }, UINT32_MAX, 0, false },
        { { (const uint8_t *)"\x02\x05\x00\xff\xff\xff\xff", 7 }, UINT32_MAX, UINT32_MAX, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct reader r = reader_of(rows[i].der);
        uint32_t value = der_small_number(&r, DER_INTEGER, rows[i].max);
        assert_int_equal(!r.failed, rows[i].good);
        assert_int_equal(value, rows[i].value);
    }
}

static void ca_names(void **state)
{
    (void)state;
    assert_int_equal(pck_ca_of(SPAN("Intel SGX PCK Platform CA")), PCK_CA_PLATFORM);
    assert_int_equal(pck_ca_of(SPAN("Intel SGX PCK Processor CA")), PCK_CA_PROCESSOR);
    assert_int_equal(pck_ca_of(SPAN("Intel SGX Root CA")), PCK_CA_UNKNOWN);
    assert_int_equal(pck_ca_of(SPAN("")), PCK_CA_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_certificates),
        cmocka_unit_test(prefixes_and_trailing_bytes_fail),
        cmocka_unit_test(numbers),
        cmocka_unit_test(ca_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
