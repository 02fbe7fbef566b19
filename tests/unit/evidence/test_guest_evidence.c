// SPDX-License-Identifier: Apache-2.0
/* Evidence of guests of Confidential Containers: what is read, every prefix of it refused, and what
 * is not what a guest sends. */
#include "unit.h"

#include "evidence/guest_evidence.h"
#include "evidence/snp_report.h"

#define REPORT_TEXT_MAX 16384

static void add_list(struct buf *b, const char *name, size_t count, unsigned first)
{
    buf_addf(b, "\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        buf_addf(b, "%s%u", i ? "," : "", (unsigned)(first + i) & 0xff);
    buf_add_str(b, "],");
}

static void add_tcb(struct buf *b, const char *name, bool turin)
{
    buf_addf(b, "\"%s\":{\"fmc\":%s,\"bootloader\":4,\"tee\":5,\"snp\":6,\"microcode\":7},", name,
             turin ? "3" : "null");
}

static void add_report(struct buf *b, unsigned version, bool turin)
{
    buf_addf(
        b,
        "{\"tee\":\"snp\",\"evidence\":{\"attestation_report\":{\"version\":%u,\"guest_svn\":1,"
        "\"policy\":196608,\"vmpl\":2,\"sig_algo\":1,\"plat_info\":3,\"key_info\":4,",
        version);
    add_list(b, "family_id", 16, 1);
    add_list(b, "image_id", 16, 2);
    add_tcb(b, "current_tcb", turin);
    add_list(b, "report_data", 64, 3);
    add_list(b, "measurement", 48, 4);
    add_list(b, "host_data", 32, 5);
    add_list(b, "id_key_digest", 48, 6);
    add_list(b, "author_key_digest", 48, 7);
    add_list(b, "report_id", 32, 8);
    add_list(b, "report_id_ma", 32, 9);
    add_tcb(b, "reported_tcb", turin);
    if (version >= 3)
        buf_addf(b, "\"cpuid_fam_id\":%d,\"cpuid_mod_id\":%d,\"cpuid_step\":1,",
                 turin ? 0x1a : 0x19, turin ? 2 : 1);
    add_list(b, "chip_id", 64, 10);
    add_tcb(b, "committed_tcb", turin);
    if (version >= 3)
        buf_add_str(b, "\"current\":{\"build\":1,\"minor\":2,\"major\":3},\"committed\":"
                       "{\"build\":4,\"minor\":5,\"major\":6},");
    else
        buf_add_str(b, "\"current_build\":1,\"current_minor\":2,\"current_major\":3,"
                       "\"committed_build\":4,\"committed_minor\":5,\"committed_major\":6,");
    add_tcb(b, "launch_tcb", turin);
    if (version >= 5)
        buf_add_str(b, "\"launch_mit_vector\":8,\"current_mit_vector\":9,");
    buf_add_str(b, "\"signature\":{");
    add_list(b, "r", 72, 11);
    add_list(b, "s", 72, 12);
    b->len--;
    buf_add_str(b,
                "}},\"cert_chain\":[{\"cert_type\":\"VCEK\",\"data\":[48,1,2]},"
                "{\"cert_type\":\"Empty\",\"data\":[]},{\"cert_type\":\"ARK\",\"data\":[48,3]}]}}");
}

static void reports_are_put_together_again(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        bool turin;
        uint8_t tcb[8];
    } rows[] = {
        { 2, false, { 4, 5, 0, 0, 0, 0, 6, 7 } },
        { 3, false, { 4, 5, 0, 0, 0, 0, 6, 7 } },
        { 5, true, { 3, 4, 5, 6, 0, 0, 0, 7 } },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf text owned(buf_done) = buf_of(REPORT_TEXT_MAX),
                        out owned(buf_done) = buf_of(SNP_EVIDENCE_MAX);
        struct snp_certificates certificates;
        struct snp_report r;
        struct span report;
        add_report(&text, rows[i].version, rows[i].turin);
        assert_ok(guest_evidence_read(buf_span(&text), &out));
        assert_ok(snp_evidence_split(buf_span(&out), &report, &certificates));
        assert_ok(snp_report_parse(report, &r));
        assert_int_equal(r.version, rows[i].version);
        assert_int_equal(r.vmpl, 2);
        assert_int_equal(r.policy, 196608);
        assert_true(span_equal(r.reported_tcb, SPAN_OF(rows[i].tcb)));
        assert_true(span_equal(r.launch_tcb, SPAN_OF(rows[i].tcb)));
        assert_int_equal(r.measurement.at[47], 4 + 47);
        assert_int_equal(r.chip_id.at[0], 10);
        assert_int_equal(r.committed.major, 6);
        assert_int_equal(r.signature.at[0], 11);
        assert_true(span_equal(certificates.vcek, SPAN("0\1\2")));
        assert_true(span_equal(certificates.root, SPAN("0\3")));
        assert_int_equal(certificates.intermediate.len, 0);
    }
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(REPORT_TEXT_MAX);
    add_report(&text, 3, false);
    for (size_t len = 0; len < text.len; len += len + 64 < text.len ? 7 : 1) {
        struct buf out owned(buf_done) = buf_of(SNP_EVIDENCE_MAX);
        assert_true(failed(guest_evidence_read(span_from(text.at, len), &out)));
    }
    struct buf out owned(buf_done) = buf_of(SNP_EVIDENCE_MAX);
    buf_add_u8(&text, 'x');
    assert_true(failed(guest_evidence_read(buf_span(&text), &out)));
}

static void other_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text, *out; /* NULL: refused */
    } rows[] = {
        { "{\"tee\":\"tdx\",\"evidence\":{\"quote\":\"AwAC\",\"cc_eventlog\":null}}", "\3" },
        { "{\"tee\":\"tdx\",\"evidence\":\"{\\\"quote\\\":\\\"AwAC\\\"}\"}", "\3" },
        { "{\"tee\":\"sgx\",\"evidence\":{\"quote\":\"AwAC\"}}", "\3" },
        { "{\"tee\":\"tdx\",\"evidence\":{\"quote\":\"AwAC\",\"cc_eventlog\":\"AAAA\"}}",
          "{\"tdx\":[\"application/vnd.warder.tdx-quote\",\"AwAC\"],\"log\":[\"application/"
          "vnd.warder.cc-event-log\",\"AAAA\"]}" },
        { "{\"tee\":\"sample\",\"evidence\":{\"svn\":\"1\"}}",
          "[\"application/vnd.warder.cc-sample+json\",\"eyJzdm4iOiIxIn0\"]" },
        { "{\"tee\":\"sgx\",\"evidence\":{\"quote\":\"AwAC\",\"more\":1}}", NULL },
        { "{\"tee\":\"sgx\",\"evidence\":{\"quote\":\"AwA\"}}", NULL },
        { "{\"tee\":\"sgx\",\"evidence\":{\"quote\":1}}", NULL },
        { "{\"tee\":\"sgx\",\"evidence\":\"{\"}", NULL },
        { "{\"tee\":\"sgx\",\"evidence\":[]}", NULL },
        { "{\"tee\":\"sgx\"}", NULL },
        { "{\"tee\":\"se\",\"evidence\":{}}", NULL },
        { "{\"tee\":\"snp\",\"evidence\":{\"attestation_report\":{}}}", NULL },
        { "{\"tee\":\"snp\",\"evidence\":{\"attestation_report\":[],\"cert_chain\":null}}", NULL },
        { "{\"tee\":\"sgx\",\"evidence\":{\"quote\":\"AwAC\"},\"more\":1}", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf out owned(buf_done) = buf_of(EVIDENCE_MAX);
        struct err e = guest_evidence_read(span_str(rows[i].text), &out);
        if (failed(e) != !rows[i].out)
            fail_msg("%s: %s", rows[i].text, failed(e) ? e.what : "accepted");
        if (rows[i].out && *rows[i].out == 3)
            assert_true(span_equal(buf_span(&out), SPAN("\x03\x00\x02")));
        else if (rows[i].out)
            assert_string_equal(buf_str(&out), rows[i].out);
    }
}

static void limits(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(2 * GUEST_EVIDENCE_MAX),
                    out owned(buf_done) = buf_of(EVIDENCE_MAX);
    buf_add_str(&text, "{\"tee\":\"sgx\",\"evidence\":{\"quote\":\"");
    while (text.len < GUEST_EVIDENCE_MAX)
        buf_add_str(&text, "AAAA");
    buf_add_str(&text, "\"}}");
    assert_int_equal(guest_evidence_read(buf_span(&text), &out).kind, FAIL_LIMIT);
    text.len = QUOTE_MAX * 2; /* a quote that is too long by itself */
    buf_add_str(&text, "\"}}");
    assert_true(failed(guest_evidence_read(buf_span(&text), &out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_are_put_together_again),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
