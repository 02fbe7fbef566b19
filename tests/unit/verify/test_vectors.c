// SPDX-License-Identifier: Apache-2.0
/*
 * Genuine evidence: each set of tests/vectors/intel, and of the folders that WARDER_MORE_VECTORS names or
 * that lie beside the repository, gives what its meta.json expects. Altered, each is refused.
 */
#include <dirent.h>
#include <stdio.h>

#include "vector_set.h"

#include "base/file.h"
#include "crypto/crypto.h"

#define SETS_LEAST 12

struct tally {
    unsigned sets, verified, refused;
};

static void advisories_compare(const json_t *expect, const json_t *claims)
{
    const json_t *wanted = json_object_get(expect, "advisory_ids");
    const json_t *have = json_object_get(claims, "advisory_ids");

    if (!wanted)
        return;
    assert_int_equal(json_array_size(wanted), json_array_size(have));
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        bool found = false;
        for (size_t j = 0; j < json_array_size(have); j++)
            found |= json_equal(json_array_get(wanted, i), json_array_get(have, j));
        assert_true(found);
    }
}

static void claims_compare(const json_t *expect, const json_t *claims)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(expect, "claims"), name, value) {
        if (!json_equal(value, json_object_get(claims, name)))
            fail_msg("claim %s differs", name);
    }
}

/* The failed checks, each with its detail, for messages. */
static void failures_print(const struct verify_result *r)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (checks[i].outcome != CHECK_PASSED)
            fprintf(stderr, "    %s: %s\n", checks[i].name, checks[i].detail ? checks[i].detail : "not checked");
}

static void set_compare(const char *name, const struct verify_result *r, const json_t *expect)
{
    const char *verdict = json_string_value(json_object_get(expect, "verdict"));
    const char *status = json_string_value(json_object_get(expect, "tcb_status"));
    bool verified = strcmp(verdict, "verified") == 0;

    if (verified != verify_result_verified(r)) {
        fprintf(stderr, "%s: expected %s, reason \"%s\"\n", name, verdict, verify_result_reason(r));
        failures_print(r);
    }
    assert_int_equal(verified, verify_result_verified(r));
    if (status)
        assert_string_equal(status, verify_result_status(r));
    if (!verified) {
        assert_string_not_equal(verify_result_reason(r), "");
        return;
    }
    claims_compare(expect, verify_result_claims(r));
    advisories_compare(expect, verify_result_claims(r));
}

/* The reason that meta.json gives in words, as the check that it means. */
static void reason_compare(const struct verify_result *r, const json_t *expect)
{
    const char *because = json_string_value(json_object_get(expect, "because"));

    if (!because)
        return;
    if (strstr(because, "not yet valid"))
        assert_int_equal(vector_outcome(r, "pck_validity"), CHECK_FAILED);
    if (strstr(because, "no TCB level"))
        assert_int_equal(vector_outcome(r, "tcb_level"), CHECK_FAILED);
}

static void set_run(const char *folder, const char *name, struct tally *t)
{
    struct vector_set set owned(vector_set_done) = { 0 };

    if (!vector_set_load(folder, name, &set))
        return;
    struct verify_result *r owned(verify_result_free) = vector_verify(&set);
    const json_t *expect = json_object_get(set.meta, "expect");
    set_compare(name, r, expect);
    reason_compare(r, expect);
    t->sets++;
    if (verify_result_verified(r))
        t->verified++;
    else
        t->refused++;
}

static struct tally folder_run(const char *folder)
{
    struct tally t = { 0 };
    DIR *d = opendir(folder);

    if (!d)
        return t;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            set_run(folder, e->d_name, &t);
    closedir(d);
    printf("%s: %u sets, %u verified, %u refused, as expected\n", folder, t.sets, t.verified, t.refused);
    return t;
}

static void own_vectors_give_what_they_expect(void **state)
{
    (void)state;
    char folder[VECTOR_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/intel", vector_root());
    struct tally t = folder_run(folder);
    assert_true(t.sets >= SETS_LEAST);
    assert_true(t.verified && t.refused);
}

static void more_vectors_give_what_they_expect(void **state)
{
    (void)state;
    char folder[VECTOR_PATH_MAX];
    if (!vector_more("intel-full", folder))
        skip();
    assert_true(folder_run(folder).sets > 0);
}

/* The sample's files have other names. */
#define SAMPLE_PARTS 6
#define CLOCK_OF_SAMPLE 1700000000
struct sample_set {
    struct buf parts[SAMPLE_PARTS];
};

static void sample_load(const char *folder, struct sample_set *s)
{
    static const char *const names[SAMPLE_PARTS] = { "quote.dat", "tcbInfo.json", "qeIdentity.json", "tcbSignChain.pem",
                                                     "intermediateCaCrl.der", "rootCaCrl.der" };
    for (size_t i = 0; i < SAMPLE_PARTS; i++) {
        char path[2 * VECTOR_PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        s->parts[i] = buf_of(1U << 20);
        assert_ok(file_read(path, &s->parts[i]));
    }
}

static void sample_done(struct sample_set *s)
{
    for (size_t i = 0; i < SAMPLE_PARTS; i++)
        buf_done(&s->parts[i]);
}
static inline void sample_donep(struct sample_set *s)
{
    sample_done(s);
}

static struct collateral_raw sample_raw(const struct sample_set *s)
{
    return (struct collateral_raw){
        .tcb_info = buf_span(&s->parts[1]),
        .qe_identity = buf_span(&s->parts[2]),
        .tcb_signing_chain = buf_span(&s->parts[3]),
        .pck_crl = buf_span(&s->parts[4]),
        .pck_crl_issuer_chain = buf_span(&s->parts[3]),
        .root_ca_crl = buf_span(&s->parts[5]),
    };
}

#define SGX_SET "sgx3-plat-00606a000000-77bcbd-ev15-2759"
#define SGX_PROCESSOR_SET "sgx3-proc-00906ed50000-334652-ev17-99e2"
#define TDX_SET "tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07"

static void own_set(const char *name, struct vector_set *out)
{
    char folder[VECTOR_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/intel", vector_root());
    assert_true(vector_set_load(folder, name, out));
}

/* One bit of a part of a genuine set, at a stride: refused each time. */
static void part_changed(struct vector_set *set, struct buf *part, const char *name, size_t end, size_t stride)
{
    for (size_t at = 0; at < end; at += stride) {
        part->at[at] ^= 1;
        struct verify_result *r owned(verify_result_free) = vector_verify(set);
        part->at[at] ^= 1;
        if (verify_result_verified(r))
            fail_msg("%s: a changed byte at %zu was not noticed", name, at);
    }
}

static void changed_genuine_evidence_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = { SGX_SET, TDX_SET };
    static const size_t ends[] = { 432 + 4 + 128 + 384 + 64 + 2 + 32, 939 + 4 + 128 + 6 + 384 + 64 + 2 + 32 };

    for (size_t i = 0; i < 2; i++) {
        struct vector_set set owned(vector_set_done) = { 0 };
        own_set(names[i], &set);
        struct verify_result *good owned(verify_result_free) = vector_verify(&set);
        assert_true(verify_result_verified(good));
        part_changed(&set, &set.quote, "quote.bin", ends[i], 13);
        for (size_t part = 0; part < COLLATERAL_PARTS; part++) {
            struct buf *b = &set.collateral.parts[part];
            if (b->len)
                part_changed(&set, b, "collateral", b->len - 2, b->len / 23 + 1);
        }
    }
}

/* Collateral of another platform, another TEE, another CA: each genuine, none for this quote. */
static void genuine_collateral_of_others_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *quote, *collateral;
    } rows[] = {
        { SGX_SET, TDX_SET }, { TDX_SET, SGX_SET }, { SGX_SET, SGX_PROCESSOR_SET }, { SGX_PROCESSOR_SET, SGX_SET },
        { TDX_SET, "tdx5td15-plat-00806f050000-67adfc-ev21-3949" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct vector_set quote owned(vector_set_done) = { 0 }, other owned(vector_set_done) = { 0 };
        own_set(rows[i].quote, &quote);
        own_set(rows[i].collateral, &other);
        struct collateral_dir own = quote.collateral;
        quote.collateral = other.collateral;
        quote.verify_at = other.verify_at;
        struct verify_result *r owned(verify_result_free) = vector_verify(&quote);
        quote.collateral = own;
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, "fmspc_match"), CHECK_FAILED);
    }
}

/* Parts of sets that are genuine each, but do not belong together. */
static void crl_of_the_other_ca(void **state)
{
    (void)state;
    struct vector_set set owned(vector_set_done) = { 0 }, other owned(vector_set_done) = { 0 };
    own_set(SGX_SET, &set);
    own_set(SGX_PROCESSOR_SET, &other);
    struct buf own[2] = { set.collateral.parts[4], set.collateral.parts[5] };
    set.collateral.parts[4] = other.collateral.parts[4];
    set.collateral.parts[5] = other.collateral.parts[5];
    struct verify_result *r owned(verify_result_free) = vector_verify(&set);
    set.collateral.parts[4] = own[0];
    set.collateral.parts[5] = own[1];
    assert_false(verify_result_verified(r));
    assert_int_equal(vector_outcome(r, "pck_revocation"), CHECK_FAILED);
}

/* The status of one quote changes with the generation of its collateral, never silently. */
static void outside_its_dates(void **state)
{
    (void)state;
    struct vector_set set owned(vector_set_done) = { 0 };
    own_set(TDX_SET, &set);
    set.verify_at += 3650LL * 86400;
    struct verify_result *late owned(verify_result_free) = vector_verify(&set);
    assert_false(verify_result_verified(late));
    assert_string_equal(verify_result_status(late), "");
    set.verify_at -= 2 * 3650LL * 86400;
    struct verify_result *early owned(verify_result_free) = vector_verify(&set);
    assert_false(verify_result_verified(early));
}

/* Intel's own sample is signed under a root of its own: the pinned one must refuse it. */
static void sample_under_another_root_is_refused(void **state)
{
    (void)state;
    static const char *const folders[] = { "intel-qvl-sample/sampleData", "intel-qvl-sample/sampleData/tdx" };

    for (size_t i = 0; i < 2; i++) {
        char folder[VECTOR_PATH_MAX];
        if (!vector_more(folders[i], folder))
            skip();
        struct sample_set set owned(sample_done) = { 0 };
        sample_load(folder, &set);
        struct verifier *v owned(verifier_free) = NULL;
        struct collateral_set *c owned(collateral_set_free) = NULL;
        struct verify_result *r owned(verify_result_free) = NULL;
        struct collateral_raw raw = sample_raw(&set);
        assert_ok(verifier_new(NULL, 0, &v));
        assert_ok(collateral_set_load(v, &raw, &c));
        assert_ok(verify_evidence(v, buf_span(&set.parts[0]), c, CLOCK_OF_SAMPLE, (struct span){ 0 }, &r));
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, "tcb_info_signature"), CHECK_FAILED);
        assert_int_equal(vector_outcome(r, "pck_crl"), CHECK_FAILED);
        assert_int_equal(vector_outcome(r, "root_crl"), CHECK_FAILED);
        assert_string_equal(verify_result_status(r), "");
    }
}

/* What begins like no quote is never taken for one, and has no such check. */
static enum check_outcome quote_format_of(const struct verify_result *r)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (strcmp(checks[i].name, "quote_format") == 0)
            return checks[i].outcome;
    return CHECK_FAILED;
}

/* Evidence without collateral: what can be read is read, nothing is verified, and the frame says why. */
static void evidence_alone(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum check_outcome format;
    } rows[] = {
        { "openenclave-evidence/tdx_quote.bin", CHECK_PASSED },
        { "openenclave-evidence/tdx_quote_v5.bin", CHECK_PASSED },
        { "openenclave-evidence/tdx_quote-moduleupdate-seamldr5.dat", CHECK_PASSED },
        { "openenclave-evidence/evidence", CHECK_FAILED }, /* a text before the quote */
        { "openenclave-evidence/endorsements", CHECK_FAILED },
        { "intel-negative/rust-sgx-quote_pck_cert_chain_corrupted.bin", CHECK_PASSED },
        { "intel-negative/openenclave-sgx_report_bad.bin", CHECK_FAILED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char path[VECTOR_PATH_MAX];
        struct verifier *v owned(verifier_free) = NULL;
        struct verify_result *r owned(verify_result_free) = NULL;
        struct buf bytes owned(buf_done) = buf_of(1U << 20);

        if (!vector_more(rows[i].file, path))
            skip();
        assert_ok(file_read(path, &bytes));
        assert_ok(verifier_new(NULL, 0, &v));
        assert_ok(verify_evidence(v, buf_span(&bytes), NULL, CLOCK_OF_SAMPLE, (struct span){ 0 }, &r));
        assert_false(verify_result_verified(r));
        if (quote_format_of(r) != rows[i].format)
            fail_msg("%s: %s", rows[i].file, verify_result_reason(r));
        assert_null(json_object_get(verify_result_claims(r), "tcb_status"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_vectors_give_what_they_expect),
        cmocka_unit_test(more_vectors_give_what_they_expect),
        cmocka_unit_test(changed_genuine_evidence_is_refused),
        cmocka_unit_test(genuine_collateral_of_others_is_refused),
        cmocka_unit_test(crl_of_the_other_ca),
        cmocka_unit_test(outside_its_dates),
        cmocka_unit_test(sample_under_another_root_is_refused),
        cmocka_unit_test(evidence_alone),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
