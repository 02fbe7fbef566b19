// SPDX-License-Identifier: Apache-2.0
#include "vector_file.h"

#include "base/writer.h"
#include "evidence/bundle.h"
#include "evidence/snp_report.h"

#define AT_VERSION 0x000
#define AT_POLICY 0x008
#define AT_KEY_INFO 0x048
#define AT_CPUID 0x188
#define AT_MITIGATION 0x1f8
#define AT_SIGNATURE 0x2a0
#define MILAN_2 "milan-vcek-v2-120d77b2"
#define MILAN_3 "milan-vcek-v3-8a73d9be"
#define TURIN_5 "turin-vcek-v5-3f44a09b"

static struct buf report_of(const char *set)
{
    char path[1024];
    struct buf out = buf_of(SNP_EVIDENCE_MAX + 1);

    snprintf(path, sizeof(path), "%s/snp/%s/report.bin", options_env("WARDER_VECTORS"), set);
    assert_ok(file_read(path, &out));
    return out;
}

static void genuine_reports_parse(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        uint32_t version, vmpl;
        uint8_t signing_key;
        enum snp_product product;
        uint64_t policy;
        struct snp_tcb reported;
    } rows[] = {
        { MILAN_2, 2, 0, SNP_SIGNED_BY_VCEK, SNP_PRODUCT_UNKNOWN, 0x30000, { 0, 3, 0, 8, 0x73 } },
        { MILAN_3, 3, 0, SNP_SIGNED_BY_VCEK, SNP_MILAN, 0x30000, { 0, 4, 0, 0x18, 0xdb } },
        { "milan-vlek-v3-decdab94", 3, 1, SNP_SIGNED_BY_VLEK, SNP_MILAN, 0x30000, { 0, 4, 0, 0x18, 0xd9 } },
        { "genoa-vcek-v5-6d1ceffa", 5, 0, SNP_SIGNED_BY_VCEK, SNP_GENOA, 0x30000, { 0, 0x0a, 0, 0x19, 0x54 } },
        { TURIN_5, 5, 0, SNP_SIGNED_BY_VCEK, SNP_TURIN, 0x30000, { 0, 1, 0, 2, 0x47 } },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf bytes owned(buf_done) = report_of(rows[i].set);
        struct snp_report s;
        struct snp_tcb t;
        enum snp_product layout = rows[i].product == SNP_PRODUCT_UNKNOWN ? SNP_MILAN : rows[i].product;

        assert_true(snp_report_looks_like(buf_span(&bytes)));
        assert_ok(snp_report_parse(buf_span(&bytes), &s));
        assert_int_equal(s.version, rows[i].version);
        assert_int_equal(s.vmpl, rows[i].vmpl);
        assert_int_equal(s.signing_key, rows[i].signing_key);
        assert_int_equal(s.policy, rows[i].policy);
        assert_int_equal(snp_product_of_cpuid(s.cpuid_family, s.cpuid_model), rows[i].product);
        assert_true(snp_tcb_read(s.reported_tcb, layout, &t));
        assert_true(snp_tcb_equal(&t, &rows[i].reported));
        assert_int_equal(s.launch_mitigation.len, rows[i].version == 5 ? 8 : 0);
    }
}

static void nothing_but_a_whole_report_is_one(void **state)
{
    (void)state;
    struct buf bytes owned(buf_done) = report_of(TURIN_5);
    struct snp_report s;

    for (size_t len = 0; len < SNP_REPORT_SIZE; len++)
        assert_fails(snp_report_parse(span_head(buf_span(&bytes), len), &s), FAIL_INPUT);
    buf_add_u8(&bytes, 0);
    assert_fails(snp_report_parse(buf_span(&bytes), &s), FAIL_INPUT);
}

static void versions_are_2_3_and_5(void **state)
{
    (void)state;
    struct buf bytes owned(buf_done) = report_of(MILAN_2);
    struct snp_report s;

    for (unsigned version = 0; version < 256; version++) {
        bytes.at[AT_VERSION] = (uint8_t)version;
        bool known = version == 2 || version == 3 || version == 5;
        assert_int_equal(!failed(snp_report_parse(buf_span(&bytes), &s)), known);
    }
    bytes.at[AT_VERSION] = 2;
    bytes.at[AT_VERSION + 3] = 1;
    assert_fails(snp_report_parse(buf_span(&bytes), &s), FAIL_INPUT);
    bytes.at[AT_VERSION] = 4;
    bytes.at[AT_VERSION + 3] = 0;
    struct err e = snp_report_parse(buf_span(&bytes), &s);
    assert_non_null(strstr(e.what, "version 4"));
}

static bool reserved_in(const char *set, size_t at)
{
    bool second = !strcmp(set, MILAN_2), fifth = !strcmp(set, TURIN_5);

    if (at >= AT_KEY_INFO + 1 && at < 0x50)
        return true;
    if (at >= AT_CPUID + (second ? 0 : 3) && at < 0x1a0)
        return true;
    return at == 0x1eb || at == 0x1ef || (at >= (fifth ? 0x208 : AT_MITIGATION) && at < AT_SIGNATURE);
}

static void reserved_bytes_are_zero(void **state)
{
    (void)state;
    static const char *const sets[] = { MILAN_2, MILAN_3, TURIN_5 };

    for (size_t i = 0; i < 3; i++) {
        struct buf bytes owned(buf_done) = report_of(sets[i]);
        for (size_t at = 4; at < SNP_REPORT_SIZE; at++) {
            struct snp_report s;
            uint8_t kept = bytes.at[at];
            bytes.at[at] = kept | 0x80;
            if (failed(snp_report_parse(buf_span(&bytes), &s)) != (reserved_in(sets[i], at) || at == AT_KEY_INFO))
                fail_msg("%s: byte 0x%zx", sets[i], at);
            bytes.at[at] = kept;
        }
    }
}

/* Each byte of a counted pattern tells its offset. */
static void fields_lie_at_their_offsets(void **state)
{
    (void)state;
    uint8_t b[SNP_REPORT_SIZE] = { 0 };
    struct snp_report s;

    for (size_t i = 0; i < sizeof(b); i++)
        b[i] = reserved_in(TURIN_5, i) ? 0 : (uint8_t)(i % 251);
    memcpy(b, "\x05\x00\x00\x00", 4);
    b[AT_KEY_INFO] = 0x07; /* author key, masked chip key, VLEK */
    assert_ok(snp_report_parse(SPAN_OF(b), &s));
    const struct {
        struct span field;
        size_t at, len;
    } rows[] = {
        { s.family_id, 0x10, 16 },      { s.image_id, 0x20, 16 },           { s.current_tcb, 0x38, 8 },
        { s.report_data, 0x50, 64 },    { s.measurement, 0x90, 48 },        { s.host_data, 0xc0, 32 },
        { s.id_key_digest, 0xe0, 48 },  { s.author_key_digest, 0x110, 48 }, { s.report_id, 0x140, 32 },
        { s.report_id_ma, 0x160, 32 },  { s.reported_tcb, 0x180, 8 },       { s.chip_id, 0x1a0, 64 },
        { s.committed_tcb, 0x1e0, 8 },  { s.launch_tcb, 0x1f0, 8 },         { s.launch_mitigation, 0x1f8, 8 },
        { s.current_mitigation, 0x200, 8 }, { s.signature, 0x2a0, 512 },    { s.signed_bytes, 0, 0x2a0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_ptr_equal(rows[i].field.at, b + rows[i].at);
        assert_int_equal(rows[i].field.len, rows[i].len);
    }
    assert_int_equal(s.guest_svn, b[4] | b[5] << 8 | b[6] << 16 | (uint32_t)b[7] << 24);
    assert_int_equal(s.vmpl & 0xff, b[0x30]);
    assert_int_equal(s.signature_algorithm & 0xff, b[0x34]);
    assert_int_equal(s.policy & 0xff, b[8]);
    assert_int_equal(s.platform_info & 0xff, b[0x40]);
    assert_true(s.author_key_enabled && s.chip_key_masked);
    assert_int_equal(s.signing_key, SNP_SIGNED_BY_VLEK);
    assert_int_equal(s.cpuid_family, b[0x188]);
    assert_int_equal(s.cpuid_model, b[0x189]);
    assert_int_equal(s.cpuid_stepping, b[0x18a]);
    assert_int_equal(s.current.build, b[0x1e8]);
    assert_int_equal(s.current.minor, b[0x1e9]);
    assert_int_equal(s.current.major, b[0x1ea]);
    assert_int_equal(s.committed.build, b[0x1ec]);
}

/* The two layouts, and that neither is compared as one number. */
static void tcb_layouts(void **state)
{
    (void)state;
    static const uint8_t older[] = { 1, 2, 0, 0, 0, 0, 7, 8 }, turin[] = { 1, 2, 3, 4, 0, 0, 0, 8 };
    struct snp_tcb a, b;

    assert_true(snp_tcb_read(SPAN_OF(older), SNP_MILAN, &a));
    assert_true(a.boot_loader == 1 && a.tee == 2 && a.snp == 7 && a.microcode == 8 && a.fmc == 0);
    assert_true(snp_tcb_read(SPAN_OF(older), SNP_GENOA, &b));
    assert_true(snp_tcb_equal(&a, &b));
    assert_false(snp_tcb_read(SPAN_OF(older), SNP_TURIN, &b));
    assert_true(snp_tcb_read(SPAN_OF(turin), SNP_TURIN, &b));
    assert_true(b.fmc == 1 && b.boot_loader == 2 && b.tee == 3 && b.snp == 4 && b.microcode == 8);
    assert_false(snp_tcb_read(SPAN_OF(turin), SNP_MILAN, &b));
    assert_false(snp_tcb_read(SPAN_OF(older), SNP_PRODUCT_UNKNOWN, &b));
    b = a;
    b.microcode++;
    b.boot_loader--; /* a larger number, and not reached */
    assert_false(snp_tcb_reaches(&b, &a));
    assert_false(snp_tcb_reaches(&a, &b));
    assert_true(snp_tcb_reaches(&a, &a));
}

static void processors_have_their_products(void **state)
{
    (void)state;
    static const struct {
        uint8_t family, model;
        enum snp_product product;
    } rows[] = {
        { 0x19, 0x01, SNP_MILAN }, { 0x19, 0x11, SNP_GENOA }, { 0x19, 0xa0, SNP_GENOA },           { 0x1a, 0x02, SNP_TURIN },
        { 0x1a, 0x11, SNP_TURIN }, { 0, 0, SNP_PRODUCT_UNKNOWN }, { 0x19, 0x21, SNP_PRODUCT_UNKNOWN },
        { 0x1a, 0x40, SNP_PRODUCT_UNKNOWN }, { 0x17, 0x31, SNP_PRODUCT_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(snp_product_of_cpuid(rows[i].family, rows[i].model), rows[i].product);
}

static void signatures_are_padded_with_zeros(void **state)
{
    (void)state;
    struct buf bytes owned(buf_done) = report_of(MILAN_3);
    struct snp_report s;
    uint8_t raw[SNP_SIGNATURE_SIZE];

    assert_ok(snp_report_parse(buf_span(&bytes), &s));
    assert_true(snp_signature_read(s.signature, raw));
    assert_int_equal(raw[0], bytes.at[AT_SIGNATURE + 47]);
    assert_int_equal(raw[47], bytes.at[AT_SIGNATURE]);
    assert_int_equal(raw[48], bytes.at[AT_SIGNATURE + 72 + 47]);
    for (size_t at = 0; at < 512; at++) {
        bool number = at < 48 || (at >= 72 && at < 120);
        bytes.at[AT_SIGNATURE + at] ^= 1;
        assert_int_equal(snp_signature_read(s.signature, raw), number);
        bytes.at[AT_SIGNATURE + at] ^= 1;
    }
}

#define VCEK_GUID "\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"
#define VCEK_GUID_TURNED "\x8d\x75\xda\x63\x64\xe6\x64\x45\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"
#define ASK_GUID "\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82"
#define OTHER_GUID "0123456789abcdef"
#define NO_GUID "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void entry_add(struct buf *b, const char *guid, uint32_t at, uint32_t len)
{
    buf_add(b, span_from(guid, 16));
    write_u32le(b, at);
    write_u32le(b, len);
}

static struct err split(struct buf *evidence, struct snp_certificates *c)
{
    struct span report;
    struct err e = snp_evidence_split(buf_span(evidence), &report, c);
    if (!failed(e))
        assert_int_equal(report.len, SNP_REPORT_SIZE);
    return e;
}

static void certificate_tables(void **state)
{
    (void)state;
    static const char *const guids[] = { VCEK_GUID, VCEK_GUID_TURNED };

    for (size_t i = 0; i < 2; i++) {
        struct buf b owned(buf_done) = report_of(MILAN_3);
        struct snp_certificates c;
        assert_ok(split(&b, &c));
        assert_int_equal(c.vcek.len, 0);
        entry_add(&b, guids[i], 4 * 24, 3);
        entry_add(&b, ASK_GUID, 4 * 24 + 3, 2);
        entry_add(&b, OTHER_GUID, 4 * 24, 5);
        entry_add(&b, NO_GUID, 0, 0);
        buf_add_str(&b, "abcde");
        assert_ok(split(&b, &c));
        assert_true(span_equal(c.vcek, SPAN("abc")) && span_equal(c.intermediate, SPAN("de")));
        assert_int_equal(c.vlek.len + c.root.len + c.crl.len, 0);
        size_t whole = b.len;
        for (b.len = SNP_REPORT_SIZE + 1; b.len < whole; b.len++)
            assert_fails(split(&b, &c), FAIL_INPUT);
        assert_ok(split(&b, &c));
        buf_add_u8(&b, 0); /* pages are padded */
        assert_ok(split(&b, &c));
    }
}

static void certificate_tables_that_lie(void **state)
{
    (void)state;
    static const struct {
        const char *name, *guid;
        uint32_t at, len;
    } rows[] = {
        { "empty", ASK_GUID, 72, 0 },          { "into the header", ASK_GUID, 24, 8 },
        { "past the end", ASK_GUID, 72, 9 },   { "starts past the end", ASK_GUID, 81, 1 },
        { "L47 length near 2^32", ASK_GUID, 72, UINT32_MAX }, { "L47 both", ASK_GUID, UINT32_MAX, UINT32_MAX },
        { "L47 sum wraps", ASK_GUID, 80, UINT32_MAX - 79 }, { "two of a kind", VCEK_GUID, 72, 8 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf b owned(buf_done) = report_of(MILAN_3);
        struct snp_certificates c;
        entry_add(&b, VCEK_GUID, 72, 8);
        entry_add(&b, rows[i].guid, rows[i].at, rows[i].len);
        entry_add(&b, NO_GUID, 0, 0);
        buf_add_str(&b, "abcdefgh");
        if (!failed(split(&b, &c)))
            fail_msg("%s was taken", rows[i].name);
    }
    struct buf many owned(buf_done) = report_of(MILAN_3);
    struct snp_certificates c;
    for (size_t i = 0; i <= SNP_CERTIFICATES_MAX; i++)
        entry_add(&many, OTHER_GUID, 24 * 19, 1);
    entry_add(&many, NO_GUID, 0, 0);
    buf_add_str(&many, "................................");
    assert_fails(split(&many, &c), FAIL_LIMIT);
}

static void evidence_has_a_limit(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = report_of(MILAN_3);
    struct snp_certificates c;

    assert_non_null(buf_extend(&b, SNP_EVIDENCE_MAX - b.len));
    memset(b.at + SNP_REPORT_SIZE, 0, b.len - SNP_REPORT_SIZE);
    assert_ok(split(&b, &c));
    buf_add_u8(&b, 0);
    assert_fails(split(&b, &c), FAIL_LIMIT);
}

/* A bare report is told from a bare quote, and a wrapped one says what it is. */
static void bundles_know_reports(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = report_of(MILAN_3), record owned(buf_done) = buf_of(EVIDENCE_MAX);
    struct bundle bare owned(bundle_done) = { 0 }, wrapped owned(bundle_done) = { 0 };

    assert_ok(bundle_parse(buf_span(&b), &bare));
    assert_int_equal(bare.pieces[0].kind, PIECE_SNP_REPORT);
    assert_ok(bundle_write_record(PIECE_SNP_REPORT, buf_span(&b), &record));
    assert_true(span_starts(buf_span(&record), SPAN("[\"application/vnd.warder.snp-report\",\"")));
    assert_ok(bundle_parse(buf_span(&record), &wrapped));
    assert_int_equal(wrapped.pieces[0].kind, PIECE_SNP_REPORT);
    assert_true(span_equal(wrapped.pieces[0].bytes, buf_span(&b)));
    b.at[AT_VERSION] = 5; /* a quote's version, too */
    struct bundle fifth owned(bundle_done) = { 0 };
    assert_ok(bundle_parse(buf_span(&b), &fifth));
    assert_int_equal(fifth.pieces[0].kind, PIECE_SNP_REPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_reports_parse),
        cmocka_unit_test(nothing_but_a_whole_report_is_one),
        cmocka_unit_test(versions_are_2_3_and_5),
        cmocka_unit_test(reserved_bytes_are_zero),
        cmocka_unit_test(fields_lie_at_their_offsets),
        cmocka_unit_test(tcb_layouts),
        cmocka_unit_test(processors_have_their_products),
        cmocka_unit_test(signatures_are_padded_with_zeros),
        cmocka_unit_test(certificate_tables),
        cmocka_unit_test(certificate_tables_that_lie),
        cmocka_unit_test(evidence_has_a_limit),
        cmocka_unit_test(bundles_know_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
