// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/file.h"
#include "base/options.h"
#include "evidence/hcl_report.h"

static struct buf report_file(const char *set)
{
    char path[1024];
    struct buf out = buf_of(HCL_REPORT_MAX + 1);

    snprintf(path, sizeof(path), "%s/azure/%s/hcl_report.bin", options_env("WARDER_VECTORS"), set);
    assert_ok(file_read(path, &out));
    return out;
}

static void genuine_reports(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        uint32_t version;
        enum hcl_hardware hardware;
        size_t runtime;
    } rows[] = { { "snp-coco-evidence-genoa", 2, HCL_SNP, 1200 },
                 { "snp-coco-evidence-v2", 1, HCL_SNP, 1110 },
                 { "snp-kinvolk-hcl-report", 1, HCL_SNP, 583 },
                 { "tdx-coco-evidence-v0", 2, HCL_TDX, 1201 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf b owned(buf_done) = report_file(rows[i].set);
        struct hcl_report h;
        assert_ok(hcl_report_parse(buf_span(&b), &h));
        assert_int_equal(h.version, rows[i].version);
        assert_int_equal(h.hardware, rows[i].hardware);
        assert_int_equal(h.hash, HCL_SHA256);
        assert_int_equal(h.runtime_data.len, rows[i].runtime);
        assert_true(span_is_zero(span_tail(h.report_data, 32)) && !span_is_zero(h.report_data));
        for (size_t len = 0; len < 1236 + rows[i].runtime; len++)
            assert_true(failed(hcl_report_parse(span_head(buf_span(&b), len), &h)));
    }
}

static void fields_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
    } rows[] = { { "signature", 0, 'X' },   { "version 0", 4, 0 },          { "version 3", 4, 3 },
                 { "data size", 1216, 1 },  { "type 3", 1224, 3 },          { "hash 0", 1228, 0 },
                 { "hash 4", 1228, 4 },     { "runtime size", 1232, 0xb2 }, { "not zero at the end", 2599, 1 },
                 { "size of 2^31", 1235, 0x80 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf b owned(buf_done) = report_file("snp-coco-evidence-genoa");
        struct hcl_report h;
        b.at[rows[i].at] = rows[i].value;
        if (!failed(hcl_report_parse(buf_span(&b), &h)))
            fail_msg("%s", rows[i].name);
    }
    struct buf td owned(buf_done) = report_file("tdx-coco-evidence-v0"), large owned(buf_done) = buf_of(HCL_REPORT_MAX + 1);
    struct hcl_report h;
    td.at[32 + HCL_TD_REPORT_SIZE] = 1;
    assert_true(failed(hcl_report_parse(buf_span(&td), &h)));
    buf_extend(&large, HCL_REPORT_MAX + 1);
    assert_fails(hcl_report_parse(buf_span(&large), &h), FAIL_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_reports),
        cmocka_unit_test(fields_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
