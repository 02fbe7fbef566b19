// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/options.h"
#include "base/writer.h"
#include "evidence/tpm_structures.h"

static struct buf part_file(const char *set, const char *name)
{
    char path[1024];
    struct buf out = buf_of(1U << 16);

    snprintf(path, sizeof(path), "%s/tpm/%s/%s", options_env("WARDER_VECTORS"), set, name);
    assert_ok(file_read(path, &out));
    return out;
}

/* Every prefix fails, and so does one byte more. */
#define CHECK_FRAME(parse, type, bytes)                                                            \
    do {                                                                                           \
        type parsed_;                                                                              \
        assert_ok(parse(buf_span(&(bytes)), &parsed_));                                            \
        for (size_t len_ = 0; len_ < (bytes).len; len_++)                                          \
            assert_true(failed(parse(span_head(buf_span(&(bytes)), len_), &parsed_)));             \
        buf_add_u8(&(bytes), 0);                                                                   \
        assert_true(failed(parse(buf_span(&(bytes)), &parsed_)));                                  \
    } while (0)

static void frames(void **state)
{
    (void)state;
    struct buf quote owned(buf_done) = part_file("gce-gce-cos-85-nonce9009", "quote_sha256.msg");
    struct buf signature owned(buf_done) = part_file("gce-gce-cos-85-nonce9009", "quote_sha256.sig");
    struct buf ak owned(buf_done) = part_file("gce-gce-cos-85-nonce9009", "ak_pub.tpmt");
    struct buf keylime owned(buf_done) = part_file("keylime-quote", "quote.msg");
    struct buf windows owned(buf_done) = part_file("gcp-windows-shielded-vm", "ak_pub.tpmt");
    struct buf coco owned(buf_done) = part_file("coco-tpm-evidence", "quote.msg");
    struct buf dstack owned(buf_done) = part_file("dstack-attest-only", "quote.msg");

    CHECK_FRAME(tpm_quote_parse, struct tpm_quote, quote);
    CHECK_FRAME(tpm_quote_parse, struct tpm_quote, keylime);
    CHECK_FRAME(tpm_quote_parse, struct tpm_quote, coco);
    CHECK_FRAME(tpm_quote_parse, struct tpm_quote, dstack);
    CHECK_FRAME(tpm_signature_parse, struct tpm_signature, signature);
    CHECK_FRAME(tpm_public_parse, struct tpm_public, ak);
    CHECK_FRAME(tpm_public_parse, struct tpm_public, windows);
}

static void a_genuine_quote_says_what_is_known_of_it(void **state)
{
    (void)state;
    struct buf bytes owned(buf_done) = part_file("gce-gce-cos-85-nonce9009", "quote_sha384.msg");
    struct tpm_quote q;

    assert_ok(tpm_quote_parse(buf_span(&bytes), &q));
    assert_true(span_equal(q.extra, SPAN("\x90\x09")));
    assert_int_equal(q.clock, 8219159625);
    assert_int_equal(q.resets, 10);
    assert_int_equal(q.restarts, 0);
    assert_true(q.safe);
    assert_int_equal(q.firmware, 0x2016051100162800);
    assert_int_equal(q.selection.count, 1);
    assert_int_equal(q.selection.banks[0].alg, TPM_ALG_SHA384);
    assert_int_equal(q.selection.banks[0].mask, 0xffffff);
    assert_int_equal(q.pcr_digest.len, 32);
}

static void genuine_keys_say_what_is_known_of_them(void **state)
{
    (void)state;
    struct buf gce owned(buf_done) = part_file("gce-gce-cos-85-nonce9009", "ak_pub.tpmt");
    struct buf windows owned(buf_done) = part_file("gcp-windows-shielded-vm", "ak_pub.tpmt");
    struct buf ek owned(buf_done) = part_file("keylime-quote", "ek_pub.tpm2b");
    struct tpm_public p;

    assert_ok(tpm_public_parse(buf_span(&gce), &p));
    assert_int_equal(p.type, TPM_ALG_RSA);
    assert_int_equal(p.attributes, 0x50072);
    assert_int_equal(p.scheme, TPM_ALG_RSASSA);
    assert_int_equal(p.scheme_hash, TPM_ALG_SHA256);
    assert_int_equal(p.exponent, 65537);
    assert_int_equal(p.modulus.len, 256);
    assert_ok(tpm_public_parse(buf_span(&windows), &p));
    assert_int_equal(p.attributes, 0x50472);
    assert_int_equal(p.scheme_hash, TPM_ALG_SHA1);
    assert_ok(tpm_public_parse(span_tail(buf_span(&ek), 2), &p));
    assert_int_equal(p.attributes & (TPM_RESTRICTED | TPM_DECRYPT | TPM_SIGN), TPM_RESTRICTED | TPM_DECRYPT);
    assert_int_equal(p.symmetric_bits, 128);
    assert_int_equal(p.auth_policy.len, 32);
}

/* Facts 22: another magic, another type of attestation, a key that says it chooses no scheme. */
static void only_a_quote_of_a_tpm_is_a_quote(void **state)
{
    (void)state;
    struct buf quote owned(buf_done) = part_file("keylime-quote", "quote.msg");
    struct buf creation owned(buf_done) = part_file("gcp-windows-shielded-vm", "create_attest.bin");
    struct tpm_quote q;

    struct err e = tpm_quote_parse(buf_span(&creation), &q);
    assert_int_equal(e.kind, FAIL_INPUT);
    assert_non_null(strstr(e.what, "another type"));
    for (size_t i = 0; i < 4; i++) {
        quote.at[i] ^= 1;
        e = tpm_quote_parse(buf_span(&quote), &q);
        assert_int_equal(e.kind, FAIL_INPUT);
        assert_non_null(strstr(e.what, "magic"));
        quote.at[i] ^= 1;
    }
}

/* A quote over these selections; `size` bytes of bitmap each. */
static struct buf quote_make(uint32_t count, uint16_t first_alg, uint16_t step, uint8_t size, uint8_t top)
{
    struct buf b = buf_of(4096);

    write_u32be(&b, 0xff544347);
    write_u16be(&b, 0x8018);
    write_u16be(&b, 0);
    write_u16be(&b, 0);
    buf_extend(&b, 8 + 4 + 4 + 1 + 8);
    write_u32be(&b, count);
    for (uint32_t i = 0; i < count; i++) {
        write_u16be(&b, (uint16_t)(first_alg + i * step));
        write_u8(&b, size);
        for (uint8_t k = 0; k < size; k++)
            write_u8(&b, k + 1 == size ? top : 0);
    }
    write_u16be(&b, 32);
    buf_extend(&b, 32);
    return b;
}

static void selections_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t count;
        uint16_t step;
        uint8_t size, top;
        bool good;
    } rows[] = {
        { "one bank", 1, 1, 3, 0x80, true },       { "eight banks", 8, 1, 3, 1, true },
        { "nine banks", 9, 1, 3, 1, false },       { "a bank twice", 2, 0, 3, 1, false },
        { "no bank", 0, 1, 3, 1, true },           { "a PCR above 23", 1, 1, 4, 1, false },
        { "four bytes of which one is empty", 1, 1, 4, 0, true }, { "five bytes", 1, 1, 5, 0, false },
        { "no PCR", 1, 1, 0, 0, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf b owned(buf_done) = quote_make(rows[i].count, 0x000b, rows[i].step, rows[i].size, rows[i].top);
        struct tpm_quote q;
        if (failed(tpm_quote_parse(buf_span(&b), &q)) == rows[i].good)
            fail_msg("%s", rows[i].name);
    }
}

static void an_ecc_key_and_its_signature(void **state)
{
    (void)state;
    struct buf key owned(buf_done) = buf_of(512), signature owned(buf_done) = buf_of(512);
    struct tpm_signature s;
    struct tpm_public p;

    write_u16be(&key, TPM_ALG_ECC);
    write_u16be(&key, TPM_ALG_SHA256);
    write_u32be(&key, TPM_SIGN | TPM_RESTRICTED);
    write_u16be(&key, 0);
    write_u16be(&key, TPM_ALG_NULL);
    write_u16be(&key, TPM_ALG_ECDSA);
    write_u16be(&key, TPM_ALG_SHA256);
    write_u16be(&key, 3);
    write_u16be(&key, TPM_ALG_NULL);
    for (size_t i = 0; i < 2; i++) {
        write_u16be(&key, 32);
        memset(buf_extend(&key, 32), 1, 32);
    }
    assert_ok(tpm_public_parse(buf_span(&key), &p));
    assert_int_equal(p.curve, 3);
    assert_int_equal(p.x.len, 32);
    CHECK_FRAME(tpm_public_parse, struct tpm_public, key);

    write_u16be(&signature, TPM_ALG_ECDSA);
    write_u16be(&signature, TPM_ALG_SHA256);
    for (uint16_t i = 0; i < 2; i++) {
        write_u16be(&signature, (uint16_t)(31 + i));
        buf_extend(&signature, 31U + i);
    }
    assert_ok(tpm_signature_parse(buf_span(&signature), &s));
    assert_int_equal(s.r.len, 31);
    assert_int_equal(s.s.len, 32);
    CHECK_FRAME(tpm_signature_parse, struct tpm_signature, signature);
    signature.at[1] = 0x1a; /* ECDAA */
    signature.len--;
    assert_fails(tpm_signature_parse(buf_span(&signature), &s), FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(a_genuine_quote_says_what_is_known_of_it),
        cmocka_unit_test(genuine_keys_say_what_is_known_of_them),
        cmocka_unit_test(only_a_quote_of_a_tpm_is_a_quote),
        cmocka_unit_test(selections_at_their_limits),
        cmocka_unit_test(an_ecc_key_and_its_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
