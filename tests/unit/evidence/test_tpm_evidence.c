// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/writer.h"
#include "evidence/bundle.h"
#include "evidence/tpm_evidence.h"

static struct buf made(const char *tags)
{
    struct buf b = buf_of(TPM_EVIDENCE_MAX);

    buf_add_str(&b, "WTPM\x01");
    for (; *tags; tags++) {
        write_u8(&b, (uint8_t)(*tags - '0'));
        write_part(&b, SPAN("xyz"));
    }
    return b;
}

static void parts(void **state)
{
    (void)state;
    static const struct {
        const char *tags;
        bool good;
    } rows[] = {
        { "124", true },   { "123456789", true }, { "1234", true },  { "12", false }, { "14", false },
        { "24", false },   { "1124", false },     { "1244", false }, { "142", false }, { "0124", false },
        { "124:", false }, { "", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf b owned(buf_done) = made(rows[i].tags);
        struct tpm_evidence e;
        if (failed(tpm_evidence_parse(buf_span(&b), &e)) == rows[i].good)
            fail_msg("%s", rows[i].tags);
    }
}

/* A prefix is evidence only where a part ends and the three that must be there are. */
static void prefixes(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = made("1246");
    struct tpm_evidence e;

    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(failed(tpm_evidence_parse(span_head(buf_span(&b), len), &e)), len != b.len - 8);
    buf_add_u8(&b, 7);
    assert_fails(tpm_evidence_parse(buf_span(&b), &e), FAIL_INPUT);
}

static void limits(void **state)
{
    (void)state;
    struct buf b owned(buf_done) = buf_of(TPM_EVIDENCE_MAX + 1), empty owned(buf_done) = made("12");
    struct tpm_evidence e;

    write_u8(&empty, 4);
    write_u32be(&empty, 0);
    assert_fails(tpm_evidence_parse(buf_span(&empty), &e), FAIL_INPUT);
    struct buf start owned(buf_done) = made("124");
    buf_add(&b, buf_span(&start));
    write_u8(&b, 6);
    write_u32be(&b, (uint32_t)(TPM_EVIDENCE_MAX - start.len - 5));
    buf_extend(&b, TPM_EVIDENCE_MAX - start.len - 5);
    assert_ok(tpm_evidence_parse(buf_span(&b), &e));
    buf_add_u8(&b, 0);
    assert_fails(tpm_evidence_parse(buf_span(&b), &e), FAIL_LIMIT);
}

static void bare_evidence_is_told_by_its_parts(void **state)
{
    (void)state;
    struct buf tpm owned(buf_done) = made("1234"), azure owned(buf_done) = made("1248");
    struct bundle a owned(bundle_done) = { 0 }, b owned(bundle_done) = { 0 };

    assert_ok(bundle_parse(buf_span(&tpm), &a));
    assert_int_equal(a.pieces[0].kind, PIECE_TPM_QUOTE);
    assert_ok(bundle_parse(buf_span(&azure), &b));
    assert_int_equal(b.pieces[0].kind, PIECE_AZURE_VTPM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(limits),
        cmocka_unit_test(bare_evidence_is_told_by_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
