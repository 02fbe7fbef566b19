// SPDX-License-Identifier: Apache-2.0
/*
 * Genuine SNP reports: each set of tests/vectors/snp, and of the folders that WARDER_MORE_VECTORS names or that lie
 * beside the repository, gives what its meta.json expects. Altered, or with another's certificates, each is refused.
 */
#include <dirent.h>
#include <stdio.h>

#include "vector_set.h"

#include "base/file.h"
#include "base/writer.h"
#include "crypto/crypto.h"
#include "evidence/snp_report.h"

#define SETS_LEAST 13
#define PART_VCEK 8
#define PART_VLEK 9
#define PART_CHAIN 10
#define CLOCK_WITHOUT 1740000000
#define MILAN "milan-vcek-v3-49d19193"
#define MILAN_OTHER "milan-vcek-v3-8a73d9be"
#define GENOA "genoa-vcek-v5-6d1ceffa"
#define TURIN "turin-vcek-v5-3f44a09b"
#define VLEK "milan-vlek-v3-decdab94"

static void set_run(const char *folder, const char *name, unsigned *sets)
{
    struct vector_set set owned(vector_set_done) = { 0 };
    const char *claim;
    json_t *value;

    if (!vector_set_load(folder, name, &set))
        return;
    if (!set.verify_at)
        set.verify_at = CLOCK_WITHOUT;
    struct verify_result *r owned(verify_result_free) = vector_verify(&set);
    const json_t *expect = json_object_get(set.meta, "expect");
    bool verified = !strcmp(json_string_value(json_object_get(expect, "verdict")), "verified");
    if (verified != verify_result_verified(r))
        fail_msg("%s: %s", name, verify_result_reason(r));
    assert_string_equal(verify_result_type(r), "snp");
    assert_string_equal(verify_result_status(r), ""); /* AMD publishes none */
    json_object_foreach(json_object_get(expect, "claims"), claim, value) {
        if (!json_equal(value, json_object_get(verify_result_claims(r), claim)))
            fail_msg("%s: claim %s differs", name, claim);
    }
    if (!verified)
        assert_non_null(strstr(verify_result_reason(r), json_string_value(json_object_get(expect, "because"))));
    ++*sets;
}

static unsigned folder_run(const char *folder)
{
    unsigned sets = 0;
    DIR *d = opendir(folder);

    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            set_run(folder, e->d_name, &sets);
    closedir(d);
    printf("%s: %u sets as expected\n", folder, sets);
    return sets;
}

static void own_vectors_give_what_they_expect(void **state)
{
    (void)state;
    char folder[VECTOR_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/snp", vector_root());
    assert_true(folder_run(folder) >= SETS_LEAST);
}

static void more_vectors_give_what_they_expect(void **state)
{
    (void)state;
    char folder[VECTOR_PATH_MAX];
    if (!vector_more("snp", folder))
        skip();
    assert_true(folder_run(folder) > 0);
}

static void own_set(const char *name, struct vector_set *out)
{
    char folder[VECTOR_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/snp", vector_root());
    assert_true(vector_set_load(folder, name, out));
}

/* Every signed byte and every byte of the signature, and the certificates at a stride. */
static void changed_genuine_evidence_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = { MILAN, TURIN, VLEK };

    for (size_t i = 0; i < 3; i++) {
        struct vector_set set owned(vector_set_done) = { 0 };
        own_set(names[i], &set);
        for (size_t at = 0; at < set.quote.len; at += i ? 7 : 3) {
            set.quote.at[at] ^= 1;
            struct verify_result *r owned(verify_result_free) = vector_verify(&set);
            set.quote.at[at] ^= 1;
            if (verify_result_verified(r) || json_object_get(verify_result_claims(r), "measurement"))
                fail_msg("%s: a changed byte at 0x%zx was not noticed", names[i], at);
        }
        for (size_t part = PART_VCEK; part <= PART_CHAIN; part++) {
            struct buf *b = &set.collateral.parts[part];
            for (size_t at = 0; at < b->len; at += b->len / 29 + 1) {
                b->at[at] ^= 1;
                struct verify_result *r owned(verify_result_free) = vector_verify(&set);
                b->at[at] ^= 1;
                if (verify_result_verified(r))
                    fail_msg("%s: part %zu, byte %zu", names[i], part, at);
            }
        }
    }
}

static void part_swap(struct vector_set *a, struct vector_set *b, size_t part)
{
    struct buf kept = a->collateral.parts[part];
    a->collateral.parts[part] = b->collateral.parts[part];
    b->collateral.parts[part] = kept;
}

/* Parts that are genuine each, but not this report's (facts of CVEs: a wrong VCEK, a chain of another product). */
static void genuine_certificates_of_others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *set, *other;
        size_t part;
        const char *check;
    } rows[] = {
        { MILAN, MILAN_OTHER, PART_VCEK, "snp_chip_id" },  { MILAN, MILAN_OTHER, PART_VCEK, "snp_report_signature" },
        { MILAN, GENOA, PART_CHAIN, "snp_chain" },         { GENOA, TURIN, PART_CHAIN, "snp_chain" },
        { MILAN, VLEK, PART_CHAIN, "snp_chain" },          { VLEK, MILAN, PART_CHAIN, "snp_chain" },
        { MILAN, GENOA, PART_VCEK, "snp_chain" },          { MILAN, GENOA, PART_VCEK, "snp_product" },
        { GENOA, TURIN, PART_VCEK, "snp_tcb_match" },      { TURIN, GENOA, PART_VCEK, "snp_tcb_match" },
        { MILAN, "milan-vcek-v2-120d77b2", PART_VCEK, "snp_tcb_match" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct vector_set set owned(vector_set_done) = { 0 }, other owned(vector_set_done) = { 0 };
        own_set(rows[i].set, &set);
        own_set(rows[i].other, &other);
        part_swap(&set, &other, rows[i].part);
        struct verify_result *r owned(verify_result_free) = vector_verify(&set);
        assert_false(verify_result_verified(r));
        if (vector_outcome(r, rows[i].check) != CHECK_FAILED)
            fail_msg("%s with part %zu of %s: %s", rows[i].set, rows[i].part, rows[i].other, verify_result_reason(r));
        assert_null(json_object_get(verify_result_claims(r), "measurement"));
    }
}

/* A VLEK's certificate in a VCEK's place and the other way: neither is looked at. */
static void keys_of_another_kind_are_not_taken(void **state)
{
    (void)state;
    static const char *const names[] = { MILAN, VLEK };

    for (size_t i = 0; i < 2; i++) {
        struct vector_set set owned(vector_set_done) = { 0 };
        own_set(names[i], &set);
        struct buf kept = set.collateral.parts[PART_VCEK];
        set.collateral.parts[PART_VCEK] = set.collateral.parts[PART_VLEK];
        set.collateral.parts[PART_VLEK] = kept;
        struct verify_result *r owned(verify_result_free) = vector_verify(&set);
        assert_int_equal(vector_outcome(r, "snp_certificate"), CHECK_FAILED);
    }
}

static void outside_its_dates(void **state)
{
    (void)state;
    struct vector_set set owned(vector_set_done) = { 0 };

    own_set(VLEK, &set);
    set.verify_at += 3 * 365LL * 86400;
    struct verify_result *late owned(verify_result_free) = vector_verify(&set);
    assert_int_equal(vector_outcome(late, "snp_validity"), CHECK_FAILED);
    assert_false(verify_result_verified(late));
    set.verify_at -= 6 * 365LL * 86400;
    struct verify_result *early owned(verify_result_free) = vector_verify(&set);
    assert_int_equal(vector_outcome(early, "snp_validity"), CHECK_FAILED);
}

static void der_of(struct span pem, size_t place, struct buf *out)
{
    struct chain c owned(chain_done) = { 0 };
    assert_ok(chain_from_pem(pem, &c));
    buf_add(out, cert_der(c.certs[place]));
}

static void entry_add(struct buf *b, const char *guid, size_t at, size_t len)
{
    buf_add(b, span_from(guid, 16));
    write_u32le(b, (uint32_t)at);
    write_u32le(b, (uint32_t)len);
}

/* The certificates along with the report, as a host hands them out, and nothing else: verified, remembered, and
 * known the second time. */
static void certificates_that_come_along(void **state)
{
    (void)state;
    struct vector_set set owned(vector_set_done) = { 0 };
    struct buf all owned(buf_done) = buf_of(SNP_EVIDENCE_MAX), ask owned(buf_done) = buf_of(8192), ark owned(buf_done) = buf_of(8192);
    struct verifier *v owned(verifier_free) = NULL;
    struct collateral_set *none owned(collateral_set_free) = NULL;
    struct verify_result *r owned(verify_result_free) = NULL, *again owned(verify_result_free) = NULL;
    struct collateral_raw nothing = { 0 };
    struct collateral_key key;

    own_set(MILAN, &set);
    const struct buf *vcek = &set.collateral.parts[PART_VCEK];
    der_of(buf_span(&set.collateral.parts[PART_CHAIN]), 0, &ask);
    der_of(buf_span(&set.collateral.parts[PART_CHAIN]), 1, &ark);
    buf_add(&all, buf_span(&set.quote));
    entry_add(&all, "\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd", 96, vcek->len);
    entry_add(&all, "\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82", 96 + vcek->len, ask.len);
    entry_add(&all, "\xc0\xb4\x06\xa4\xa8\x03\x49\x52\x97\x43\x3f\xb6\x01\x4c\xd0\xae", 96 + vcek->len + ask.len, ark.len);
    entry_add(&all, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0, 0);
    buf_add(&all, buf_span(vcek));
    buf_add(&all, buf_span(&ask));
    buf_add(&all, buf_span(&ark));
    assert_ok(verifier_new(NULL, 0, &v));
    assert_ok(collateral_set_load(v, &nothing, &none));
    assert_ok(verify_evidence(v, buf_span(&all), none, set.verify_at, (struct span){ 0 }, &r));
    assert_string_equal(verify_result_reason(r), "");
    assert_int_equal(vector_outcome(r, "snp_crl"), CHECK_NOT_CHECKED);
    assert_true(json_is_false(json_object_get(verify_result_claims(r), "revocation_checked")));
    assert_true(verify_result_pck_chain(r).len > 0);
    assert_ok(verifier_remember(v, verify_result_pck_chain(r), SPAN("")));
    assert_ok(verify_evidence(v, buf_span(&all), none, set.verify_at, (struct span){ 0 }, &again));
    assert_true(verify_result_verified(again));
    assert_ok(evidence_needs(buf_span(&all), &key));
    assert_string_equal(key.product, "Milan");
    assert_string_equal(key.chip, "");

    all.at[SNP_REPORT_SIZE + 96 + 300] ^= 1; /* in the VCEK's certificate */
    struct verify_result *bad owned(verify_result_free) = NULL;
    assert_ok(verify_evidence(v, buf_span(&all), none, set.verify_at, (struct span){ 0 }, &bad));
    assert_false(verify_result_verified(bad));
}

/* VCEKs that are not this chip's or no VCEK at all, which others have taken: never verified. */
static void wrong_certificates_from_elsewhere(void **state)
{
    (void)state;
    static const char *const files[] = { "intel-negative/trustee-test-vcek-invalid-legacy.der",
                                         "intel-negative/trustee-test-vcek-invalid-new.der" };
    static const char *const sets[] = { MILAN, MILAN_OTHER, "milan-vcek-v2-120d77b2", GENOA };

    for (size_t i = 0; i < 8; i++) {
        struct vector_set set owned(vector_set_done) = { 0 };
        char path[VECTOR_PATH_MAX];
        if (!vector_more(files[i % 2], path))
            skip();
        own_set(sets[i / 2], &set);
        struct buf *vcek = &set.collateral.parts[PART_VCEK];
        buf_done(vcek);
        *vcek = buf_of(1U << 20);
        assert_ok(file_read(path, vcek));
        struct verify_result *r owned(verify_result_free) = vector_verify(&set);
        assert_false(verify_result_verified(r));
        assert_null(json_object_get(verify_result_claims(r), "measurement"));
    }
}

static void needs_name_the_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *set, *product, *signer, *tcb;
        size_t chip;
    } rows[] = {
        { MILAN, "Milan", "vcek", "04000000000018db", 128 }, { GENOA, "Genoa", "vcek", "0a00000000001954", 128 },
        { TURIN, "Turin", "vcek", "0001000200000047", 16 },  { VLEK, "Milan", "vlek", "", 0 },
        { "milan-vcek-v2-120d77b2", "", "vcek", "0300000000000873", 128 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct vector_set set owned(vector_set_done) = { 0 };
        struct collateral_key key;
        own_set(rows[i].set, &set);
        assert_ok(evidence_needs(buf_span(&set.quote), &key));
        assert_string_equal(key.tee, "snp");
        assert_string_equal(key.product, rows[i].product);
        assert_string_equal(key.signer, rows[i].signer);
        assert_string_equal(key.tcb, rows[i].tcb);
        assert_int_equal(strlen(key.chip), rows[i].chip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_vectors_give_what_they_expect),
        cmocka_unit_test(more_vectors_give_what_they_expect),
        cmocka_unit_test(changed_genuine_evidence_is_refused),
        cmocka_unit_test(genuine_certificates_of_others_are_refused),
        cmocka_unit_test(keys_of_another_kind_are_not_taken),
        cmocka_unit_test(outside_its_dates),
        cmocka_unit_test(certificates_that_come_along),
        cmocka_unit_test(wrong_certificates_from_elsewhere),
        cmocka_unit_test(needs_name_the_certificate),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
