// SPDX-License-Identifier: Apache-2.0
/* The quote itself: frame, vendor, quoting enclave, signatures; each rule broken once, the rest signed anew. */
#include "forge_case.h"

#include "base/base64.h"
#include "evidence/bundle.h"

static void vendor(struct forge_knobs *k)
{
    k->quote.vendor[0] ^= 1;
}

static void version_2(struct forge_knobs *k)
{
    k->quote.version = 2;
}

static void version_6(struct forge_knobs *k)
{
    k->quote.version = 6;
}

static void key_p384(struct forge_knobs *k)
{
    k->quote.key_type = 3;
}

static void key_unknown(struct forge_knobs *k)
{
    k->quote.key_type = 1;
}

static void tee_unknown(struct forge_knobs *k)
{
    k->quote.tee_type = 0x82;
}

static void v3_with_tdx(struct forge_knobs *k)
{
    k->quote.tee_type = 0x81;
}

/* A TD body under the SGX type and the reverse. */
static void tee_other(struct forge_knobs *k)
{
    k->quote.tee_type ^= 0x81;
}

static void body_size_small(struct forge_knobs *k)
{
    k->quote.body_size -= 1;
}

static void body_size_huge(struct forge_knobs *k)
{
    k->quote.body_size = 0xffffffff;
}

static void body_type_5(struct forge_knobs *k)
{
    k->quote.body_type = 5;
}

static void body_type_sgx(struct forge_knobs *k)
{
    k->quote.body_type = 1;
}

static void outer_type(struct forge_knobs *k)
{
    k->quote.outer_type = 5;
}

static void nested(struct forge_knobs *k)
{
    k->quote.cert_type = 6;
}

static void cert_type_8(struct forge_knobs *k)
{
    k->quote.cert_type = 8;
}

static void inside_auth(struct forge_knobs *k)
{
    k->quote.inside_auth = SPAN("\0");
}

static void inside_outer(struct forge_knobs *k)
{
    k->quote.inside_outer = SPAN("\0");
}

static void after(struct forge_knobs *k)
{
    k->quote.after = SPAN("\0\0\0padding");
}

static void auth_longer(struct forge_knobs *k)
{
    k->quote.auth_size_lie = 1;
}

static void auth_shorter(struct forge_knobs *k)
{
    k->quote.auth_size_lie = -1;
}

static void auth_huge(struct forge_knobs *k)
{
    k->quote.auth_size_lie = 0xfffff000;
}

static void outer_longer(struct forge_knobs *k)
{
    k->quote.outer_size_lie = 1;
}

static void outer_shorter(struct forge_knobs *k)
{
    k->quote.outer_size_lie = -1;
}

static void qe_auth_lie(struct forge_knobs *k)
{
    k->quote.qe_auth_size_lie = 1;
}

static void cert_lie(struct forge_knobs *k)
{
    k->quote.cert_size_lie = -1;
}

static void cert_huge(struct forge_knobs *k)
{
    k->quote.cert_size_lie = 0xffffff00;
}

static void no_qe_auth(struct forge_knobs *k)
{
    k->quote.qe_auth_len = 0;
}

static void long_qe_auth(struct forge_knobs *k)
{
    k->quote.qe_auth_len = FORGE_QE_AUTH_MAX;
}

static void frame(void **state)
{
    (void)state;
    static const struct forge_case cases[] = {
        { "SGX version 3", FORGE_SGX3, NULL, NULL, "UpToDate" },
        { "SGX version 4", FORGE_SGX4, NULL, NULL, "UpToDate" },
        { "SGX version 5", FORGE_SGX5, NULL, NULL, "UpToDate" },
        { "TDX version 4", FORGE_TDX4, NULL, NULL, "UpToDate" },
        { "TDX version 5, TD 1.0", FORGE_TDX5_TD10, NULL, NULL, "UpToDate" },
        { "TDX version 5, TD 1.5", FORGE_TDX5, NULL, NULL, "UpToDate" },
        { "TDX version 5, TD 1.5 extension", FORGE_TDX5_TD15EX, NULL, NULL, "UpToDate" },
        { "version 2", FORGE_SGX3, version_2, "quote_format", "" },
        { "version 6", FORGE_TDX5, version_6, "quote_format", "" },
        { "attestation key P-384", FORGE_TDX4, key_p384, "quote_format", "" },
        { "attestation key of an unknown type", FORGE_SGX3, key_unknown, "quote_format", "" },
        { "unknown TEE", FORGE_TDX4, tee_unknown, "quote_format", "" },
        { "version 3 with TDX", FORGE_SGX3, v3_with_tdx, "quote_format", "" },
        { "SGX type with TD body", FORGE_TDX4, tee_other, "quote_format", "" },
        { "TDX type with SGX body", FORGE_SGX5, tee_other, "quote_format", "" },
        { "SGX type with TD body type", FORGE_TDX5, tee_other, "quote_format", "" },
        { "L43 body size too small", FORGE_TDX5, body_size_small, "quote_format", "" },
        { "L47 body size huge", FORGE_TDX5, body_size_huge, "quote_format", "" },
        { "unknown body type", FORGE_TDX5, body_type_5, "quote_format", "" },
        { "SGX body type with TDX", FORGE_TDX5, body_type_sgx, "quote_format", "" },
        { "outer type 5", FORGE_TDX4, outer_type, "quote_format", "" },
        { "type 6 in type 6", FORGE_TDX4, nested, "quote_format", "" },
        { "type 6 in version 3", FORGE_SGX3, nested, "quote_format", "" },
        { "type 8", FORGE_TDX4, cert_type_8, "quote_format", "" },
        { "a byte more inside the signature area", FORGE_SGX3, inside_auth, "quote_format", "" },
        { "the same, TDX", FORGE_TDX4, inside_auth, "quote_format", "" },
        { "a byte more inside the outer data", FORGE_TDX4, inside_outer, "quote_format", "" },
        { "bytes after the signature area", FORGE_TDX4, after, NULL, "UpToDate" },
        { "signature area one longer", FORGE_SGX3, auth_longer, "quote_format", "" },
        { "signature area one shorter", FORGE_SGX3, auth_shorter, "quote_format", "" },
        { "L47 signature area near 2^32", FORGE_SGX3, auth_huge, "quote_format", "" },
        { "outer size larger", FORGE_TDX4, outer_longer, "quote_format", "" },
        { "outer size smaller", FORGE_TDX4, outer_shorter, "quote_format", "" },
        { "QE authentication data longer", FORGE_TDX4, qe_auth_lie, "quote_format", "" },
        { "certification data shorter", FORGE_TDX4, cert_lie, "quote_format", "" },
        { "L47 certification data near 2^32", FORGE_SGX3, cert_huge, "quote_format", "" },
        { "no QE authentication data", FORGE_SGX3, no_qe_auth, NULL, "UpToDate" },
        { "64 bytes of QE authentication data", FORGE_SGX3, long_qe_auth, NULL, "UpToDate" },
    };
    FORGE_CASES_RUN(cases);
}

static void quote_signature(struct forge_knobs *k)
{
    k->quote.broken_signature = true;
}

static void qe_signature(struct forge_knobs *k)
{
    k->quote.broken_qe_signature = true;
}

static void qe_by_stranger(struct forge_knobs *k)
{
    k->quote.pck = world.stranger.pck;
}

static void unbound_report(struct forge_knobs *k)
{
    memset(k->quote.qe_report + AT_SGX_REPORT_DATA, 0x11, 64);
    k->quote.unbound_qe_report = true;
}

static void qe_signer(struct forge_knobs *k)
{
    k->quote.qe_report[AT_SGX_MRSIGNER] ^= 1;
}

static void qe_product(struct forge_knobs *k)
{
    k->quote.qe_report[AT_SGX_ISV_PROD_ID] ^= 1;
}

static void qe_attributes(struct forge_knobs *k)
{
    k->quote.qe_report[AT_SGX_ATTRIBUTES] ^= 0x20;
}

/* L43: debug is refused even where the identity's mask lets it pass. */
static void qe_debug(struct forge_knobs *k)
{
    k->quote.qe_report[AT_SGX_ATTRIBUTES] |= 2;
    k->identity.attributes_mask[0] = 0xf9;
}

static void qe_miscselect(struct forge_knobs *k)
{
    k->quote.qe_report[AT_SGX_MISCSELECT] ^= 1;
}

/* Byte order: the text is the four bytes as they lie in memory. */
static void miscselect_memory_order(struct forge_knobs *k)
{
    static const uint8_t bytes[4] = { 1, 2, 3, 4 };
    memcpy(k->quote.qe_report + AT_SGX_MISCSELECT, bytes, 4);
    memcpy(k->identity.miscselect, bytes, 4);
}

static void miscselect_reversed(struct forge_knobs *k)
{
    static const uint8_t bytes[4] = { 1, 2, 3, 4 }, reversed[4] = { 4, 3, 2, 1 };
    memcpy(k->quote.qe_report + AT_SGX_MISCSELECT, bytes, 4);
    memcpy(k->identity.miscselect, reversed, 4);
}

static void miscselect_masked(struct forge_knobs *k)
{
    k->quote.qe_report[AT_SGX_MISCSELECT + 1] = 0x80;
    k->identity.miscselect_mask[1] = 0x7f;
}

static void qe_svn_low(struct forge_knobs *k)
{
    memset(k->quote.qe_report + AT_SGX_ISV_SVN, 0, 2);
}

static void signatures(void **state)
{
    (void)state;
    static const struct forge_case cases[] = {
        { "quote's signature", FORGE_TDX4, quote_signature, "quote_signature", "" },
        { "QE report's signature", FORGE_SGX3, qe_signature, "qe_report_signature", "" },
        { "L11 QE report by another platform", FORGE_SGX3, qe_by_stranger, "qe_report_signature", "" },
        { "L43 vendor", FORGE_SGX3, vendor, "quote_vendor", "" },
        { "QE report binds another key", FORGE_TDX4, unbound_report, "qe_report_data", "" },
        { "L44 quoting enclave's signer", FORGE_SGX3, qe_signer, "qe_identity_match", "" },
        { "quoting enclave's product", FORGE_TDX4, qe_product, "qe_identity_match", "" },
        { "quoting enclave's attributes", FORGE_TDX4, qe_attributes, "qe_identity_match", "" },
        { "quoting enclave in debug mode", FORGE_SGX3, qe_debug, "qe_identity_match", "" },
        { "quoting enclave's MISCSELECT", FORGE_SGX3, qe_miscselect, "qe_identity_match", "" },
        { "MISCSELECT in memory order", FORGE_SGX3, miscselect_memory_order, NULL, "UpToDate" },
        { "MISCSELECT reversed", FORGE_SGX3, miscselect_reversed, "qe_identity_match", "" },
        { "MISCSELECT bit that the mask drops", FORGE_SGX3, miscselect_masked, NULL, "UpToDate" },
        { "quoting enclave below every level", FORGE_SGX3, qe_svn_low, "qe_tcb_level", "" },
    };
    FORGE_CASES_RUN(cases);
}

/* A key that is no point of the curve, and one that the QE report binds but that is not the signer. */
static void attestation_keys(void **state)
{
    (void)state;
    uint8_t off[64], zero[64] = { 0 };
    memset(off, 0x5a, sizeof(off));
    struct buf other owned(buf_done) = buf_of(128);
    assert_ok(key_to_point(world.stranger.attestation, &other));
    const struct span keys[] = { SPAN_OF(off), SPAN_OF(zero), span_tail(buf_span(&other), 1) };

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        struct forge_knobs k;
        forge_good(FORGE_TDX4, &k);
        k.quote.attestation_xy = keys[i];
        struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, "quote_signature"), CHECK_FAILED);
        assert_null(json_object_get(verify_result_claims(r), "mrtd"));
    }
}

/* Certification data that carries no chain: each kind says so by its number. */
static void other_certification_data(void **state)
{
    (void)state;
    static const uint16_t types[] = { 1, 2, 3, 7 };
    const char *seen[4] = { NULL };

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct forge_knobs k;
        forge_good(FORGE_SGX3, &k);
        k.quote.cert_type = types[i];
        k.quote.cert_data = SPAN("0123456789abcdef0123456789abcdef0123");
        struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, "quote_certification"), CHECK_FAILED);
        assert_int_equal(vector_outcome(r, "pck_chain"), CHECK_NOT_CHECKED);
        seen[i] = verify_result_reason(r);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
}

/* Types 1 to 4 of a genuine quoting enclave, with the chain from the collateral: `chain` and `issuers` say which. */
static struct verify_result *supplied(struct forge_knobs *k, uint16_t type, struct span data, struct span chain, bool issuers)
{
    struct forge_set set owned(forge_set_done) = { 0 };
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct verify_result *r = NULL;

    k->quote.cert_type = type;
    k->quote.cert_data = data;
    forge_set_init(&set);
    assert_ok(forge_make(k, &set));
    struct collateral_raw raw = forge_set_raw(&set);
    raw.pck_cert_chain = chain;
    if (!issuers)
        raw.pck_crl_issuer_chain = (struct span){ 0 };
    assert_ok(collateral_set_load(world.verifier, &raw, &c));
    assert_ok(verify_evidence(world.verifier, buf_span(&set.quote), c, CASE_NOW, (struct span){ 0 }, &r));
    return r;
}

#define CERTIFICATE_END "-----END CERTIFICATE-----"

/* The first certificate of a chain in PEM, without a line end. */
static struct span first_of(struct span pem)
{
    return span_head(pem, span_find(pem, SPAN(CERTIFICATE_END)) + sizeof(CERTIFICATE_END) - 1);
}

static void chains_from_the_collateral(void **state)
{
    (void)state;
    static const size_t lengths[] = { 36, 276, 404 }; /* of types 1, 2 and 3 */
    static const enum forge_tee tees[] = { FORGE_SGX3, FORGE_SGX4, FORGE_TDX4, FORGE_TDX5 };
    uint8_t names[404] = { 0x55 };

    for (size_t i = 0; i < sizeof(tees) / sizeof(*tees); i++) {
        struct buf pem owned(buf_done) = buf_of(FORGE_QUOTE_MAX), strange owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
        struct forge_knobs k, other;
        assert_ok(forge_defaults(&world.stranger, tees[i], CASE_NOW, &other));
        assert_ok(forge_make_pck_chain(&other, &strange));
        forge_good(tees[i], &k);
        assert_ok(forge_make_pck_chain(&k, &pem));
        for (uint16_t type = 1; type <= 3; type++) {
            struct span data = span_from(names, lengths[type - 1]);
            struct verify_result *good owned(verify_result_free) = supplied(&k, type, data, buf_span(&pem), true);
            assert_string_equal(verify_result_reason(good), "");
            assert_string_equal(verify_result_status(good), "UpToDate");
            struct verify_result *none owned(verify_result_free) = supplied(&k, type, data, (struct span){ 0 }, true);
            assert_int_equal(vector_outcome(none, "quote_certification"), CHECK_FAILED);
            struct verify_result *leaf owned(verify_result_free) = supplied(&k, type, data, first_of(buf_span(&pem)), true);
            assert_int_equal(vector_outcome(leaf, "pck_chain"), CHECK_FAILED);
            struct verify_result *bad owned(verify_result_free) = supplied(&k, type, data, buf_span(&strange), true);
            assert_int_equal(vector_outcome(bad, "pck_chain"), CHECK_FAILED);
            assert_false(verify_result_verified(none) || verify_result_verified(leaf) || verify_result_verified(bad));
        }
        struct verify_result *alone owned(verify_result_free) = supplied(&k, 4, first_of(buf_span(&pem)), (struct span){ 0 }, true);
        assert_string_equal(verify_result_reason(alone), "");
        struct verify_result *lone owned(verify_result_free) = supplied(&k, 4, first_of(buf_span(&pem)), (struct span){ 0 }, false);
        assert_int_equal(vector_outcome(lone, "quote_certification"), CHECK_FAILED);
        struct verify_result *whole owned(verify_result_free) = supplied(&k, 4, buf_span(&pem), (struct span){ 0 }, true);
        assert_int_equal(vector_outcome(whole, "pck_chain"), CHECK_FAILED);
        struct verify_result *foreign owned(verify_result_free) = supplied(&k, 4, first_of(buf_span(&strange)), (struct span){ 0 }, true);
        assert_int_equal(vector_outcome(foreign, "pck_chain"), CHECK_FAILED);
        struct verify_result *manifest owned(verify_result_free) = supplied(&k, 7, SPAN_OF(names), buf_span(&pem), true);
        assert_int_equal(vector_outcome(manifest, "quote_certification"), CHECK_FAILED);
    }
}

/* A supplied chain is of another, genuine platform: its key did not sign the quoting enclave's report. */
static void chain_of_another_platform(void **state)
{
    (void)state;
    struct buf pem owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    struct forge_knobs k;

    forge_good(FORGE_SGX3, &k);
    assert_ok(forge_make_pck_chain(&k, &pem));
    k.quote.pck = world.stranger.pck;
    struct verify_result *r owned(verify_result_free) = supplied(&k, 1, SPAN("0123456789abcdef"), buf_span(&pem), true);
    assert_int_equal(vector_outcome(r, "pck_chain"), CHECK_PASSED);
    assert_int_equal(vector_outcome(r, "qe_report_signature"), CHECK_FAILED);
    assert_false(verify_result_verified(r));
}

/* The tail of the QE's report data must be zero: a QE that hides something there is not Intel's. */
static void tail_of_the_qe_report_data(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };

    forge_good(FORGE_SGX3, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    /* The good report, taken from where it stands in a version 3 quote, with one byte more. */
    memcpy(k.quote.qe_report, set.quote.at + 48 + 384 + 4 + 128, 384);
    k.quote.qe_report[AT_SGX_REPORT_DATA + 63] = 1;
    k.quote.unbound_qe_report = true;
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_false(verify_result_verified(r));
    assert_int_equal(vector_outcome(r, "qe_report_data"), CHECK_FAILED);
    assert_int_equal(vector_outcome(r, "qe_report_signature"), CHECK_PASSED);
}

static void expected_report_data(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };
    uint8_t data[64];

    memset(data, 0x42, sizeof(data));
    forge_good(FORGE_TDX5, &k);
    forge_quote_set_report_data(&k.quote, data);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    struct verify_result *good owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, SPAN_OF(data));
    assert_true(verify_result_verified(good));
    assert_int_equal(vector_outcome(good, "report_data"), CHECK_PASSED);
    for (size_t at = 0; at < sizeof(data); at += 21) { /* first, middle, last: no prefix compare */
        data[at] ^= 1;
        struct verify_result *bad owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, SPAN_OF(data));
        data[at] ^= 1;
        assert_false(verify_result_verified(bad));
        assert_int_equal(vector_outcome(bad, "report_data"), CHECK_FAILED);
        assert_string_equal(verify_result_status(bad), "UpToDate");
    }
    struct verify_result *r = NULL;
    assert_fails(verify_evidence(world.verifier, buf_span(&set.quote), NULL, CASE_NOW, span_from(data, 32), &r), FAIL_INPUT);
}

/* L10: one bit of every region of the quote; nothing that is changed is ever believed. */
static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };
    struct collateral_set *c owned(collateral_set_free) = NULL;

    forge_good(FORGE_TDX4, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    struct collateral_raw raw = forge_set_raw(&set);
    assert_ok(collateral_set_load(world.verifier, &raw, &c));
    size_t signed_end = 48 + 584, tail_end = signed_end + 4 + 128 + 6 + 384 + 64 + 2 + 32;
    for (size_t at = 0; at < tail_end; at += at < 64 ? 1 : 11) {
        struct verify_result *r owned(verify_result_free) = NULL;
        set.quote.at[at] ^= 0x10;
        assert_ok(verify_evidence(world.verifier, buf_span(&set.quote), c, CASE_NOW, (struct span){ 0 }, &r));
        set.quote.at[at] ^= 0x10;
        if (verify_result_verified(r))
            fail_msg("a changed byte at %zu was not noticed", at);
        if (at < signed_end && json_object_get(verify_result_claims(r), "mrtd"))
            fail_msg("claims from a changed body, byte %zu", at);
    }
}

/* Order of P-256, big-endian. */
static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

static void order_minus(uint8_t value[32])
{
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int left = order[i] - value[i] - borrow;
        borrow = left < 0;
        value[i] = (uint8_t)(left + 256 * borrow);
    }
}

/* s and n - s are both legal, so a quote's hash identifies nothing; zero and n are not. */
static void malleable_signatures(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };

    forge_good(FORGE_SGX3, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    uint8_t *r = set.quote.at + 48 + 384 + 4, *s = r + 32;
    order_minus(s);
    struct verify_result *other owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
    assert_true(verify_result_verified(other));
    for (int i = 0; i < 4; i++) {
        struct buf kept owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
        buf_add(&kept, buf_span(&set.quote));
        if (i % 2)
            memset(i < 2 ? r : s, 0, 32);
        else
            memcpy(i < 2 ? r : s, order, 32);
        struct verify_result *bad owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
        assert_int_equal(vector_outcome(bad, "quote_signature"), CHECK_FAILED);
        memcpy(set.quote.at, kept.at, kept.len);
    }
}

/* The same chain twice: the second is known, and its verdict no other. */
static void a_known_platform_is_judged_alike(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };

    forge_good(FORGE_SGX3, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    struct verify_result *first owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
    struct verify_result *second owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
    json_t *a owned(json_free) = NULL, *b owned(json_free) = NULL;
    assert_true(verify_result_verified(first));
    assert_ok(verify_result_json(first, &a));
    assert_ok(verify_result_json(second, &b));
    assert_true(json_equal(a, b));
    assert_ok(verifier_remember(world.verifier, verify_result_pck_chain(first), SPAN("")));
    assert_fails(verifier_remember(world.verifier, SPAN("no chain"), SPAN("")), FAIL_DENIED);

    struct span serial = SPAN_OF(k.leaf_serial); /* revoked meanwhile: being known helps nothing */
    k.pck_crl.serials = &serial;
    k.pck_crl.count = 1;
    assert_ok(forge_make(&k, &set));
    struct verify_result *third owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
    assert_int_equal(vector_outcome(third, "pck_revocation"), CHECK_FAILED);
    assert_false(verify_result_verified(third));
}

/* By a verifier that has seen nothing yet. */
static struct verify_result *judged_afresh(const struct forge_set *set)
{
    struct span root = buf_span(&world.pki.root.der);
    struct verifier *knowing = world.verifier;
    assert_ok(verifier_new(&root, 1, &world.verifier));
    struct verify_result *r = forge_verify_set(set, CASE_NOW, (struct span){ 0 });
    verifier_free(world.verifier);
    world.verifier = knowing;
    return r;
}

/* The QE report, its signature and the attestation key are remembered by their bytes: with any other byte
 * there, or in the quote's own signature, the verdict is that of who remembers nothing. */
static void a_known_quoting_enclave_is_judged_alike(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };
    bool known;
    const size_t from = 48 + 384 + 4, to = from + 64 + 64 + 384 + 64 + 2 + 32;

    forge_good(FORGE_SGX3, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    struct verify_result *first owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
    assert_true(verify_result_verified(first));
    assert_true(verify_result_enclave(first, &known).len > 0);
    assert_false(known);
    for (size_t at = from; at < to; at += 7) {
        set.quote.at[at] ^= 0x10;
        struct verify_result *here owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
        struct verify_result *there owned(verify_result_free) = judged_afresh(&set);
        const struct check *a, *b;
        size_t count = verify_result_checks(here, &a);
        assert_false(verify_result_verified(here));
        assert_int_equal(verify_result_checks(there, &b), count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(a[i].name, b[i].name);
            assert_int_equal(a[i].outcome, b[i].outcome);
        }
        set.quote.at[at] ^= 0x10;
    }
    struct verify_result *again owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
    assert_true(verify_result_verified(again));
    (void)verify_result_enclave(again, &known);
    assert_true(known);
}

/* Told of beforehand, and only what the platform's key has signed. */
static void a_quoting_enclave_told_of_is_checked(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };
    struct buf wrong owned(buf_done) = buf_of(4096);
    bool known;

    forge_good(FORGE_SGX3, &k);
    k.pck.ppid[3] = 0x77; /* a platform of its own */
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    struct verify_result *fresh owned(verify_result_free) = judged_afresh(&set);
    struct span chain = verify_result_pck_chain(fresh), enclave = verify_result_enclave(fresh, &known);
    for (size_t at = 0; at < 384 + 64; at += 5) {
        buf_clear(&wrong);
        buf_add(&wrong, enclave);
        wrong.at[at] ^= 1;
        assert_fails(verifier_remember(world.verifier, chain, buf_span(&wrong)), FAIL_DENIED);
    }
    for (size_t len = 1; len < enclave.len; len++)
        assert_fails(verifier_remember(world.verifier, chain, span_head(enclave, len)), FAIL_INPUT);
    buf_add_u8(&wrong, 0);
    assert_fails(verifier_remember(world.verifier, chain, buf_span(&wrong)), FAIL_INPUT);
    assert_ok(verifier_remember(world.verifier, chain, enclave));
    struct verify_result *told owned(verify_result_free) = forge_verify_set(&set, CASE_NOW, (struct span){ 0 });
    assert_true(verify_result_verified(told));
    (void)verify_result_enclave(told, &known);
    assert_true(known);
}

static void wrapped(struct span quote, const char *type, struct buf *out)
{
    *out = buf_of(EVIDENCE_MAX);
    buf_addf(out, "[\"application/vnd.warder.%s\",\"", type);
    base64url_add(out, quote);
    buf_add_str(out, "\"]");
    assert_ok(buf_check(out));
}

static void bundles(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct buf record owned(buf_done) = { 0 }, wrong owned(buf_done) = { 0 };

    forge_good(FORGE_TDX4, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    struct collateral_raw raw = forge_set_raw(&set);
    assert_ok(collateral_set_load(world.verifier, &raw, &c));
    wrapped(buf_span(&set.quote), "tdx-quote", &record);
    wrapped(buf_span(&set.quote), "sgx-quote", &wrong);
    const struct {
        const char *before, *after;
        const struct buf *record;
        bool twice, verified;
        const char *type;
    } rows[] = {
        { "", "", &record, false, true, "tdx" },
        { "{\"__cmwc_t\":\"tag:warder.dev,2026:bundle\",\"tdx\":", "}", &record, false, true, "tdx" },
        { "", "", &wrong, false, false, "tdx" },
        { "{\"a\":", "}", &record, true, false, "bundle" },
        { "", " x", &record, false, false, "unknown" },
        { "{\"a\":{\"b\":", "}}", &record, false, false, "unknown" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct verify_result *r owned(verify_result_free) = NULL;
        struct buf text owned(buf_done) = buf_of(EVIDENCE_MAX);
        buf_addf(&text, "%s%s", rows[i].before, buf_str(rows[i].record));
        if (rows[i].twice)
            buf_addf(&text, ",\"b\":%s", buf_str(rows[i].record));
        buf_add_str(&text, rows[i].after);
        assert_ok(verify_evidence(world.verifier, buf_span(&text), c, CASE_NOW, (struct span){ 0 }, &r));
        assert_int_equal(verify_result_verified(r), rows[i].verified);
        assert_string_equal(verify_result_type(r), rows[i].type);
    }
}

static void needs(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct forge_set set owned(forge_set_done) = { 0 };
    struct collateral_key key = { 0 };
    struct pck_query query;

    forge_good(FORGE_TDX5, &k);
    forge_set_init(&set);
    assert_ok(forge_make(&k, &set));
    assert_ok(evidence_needs(buf_span(&set.quote), &key));
    assert_string_equal(key.tee, "tdx");
    assert_string_equal(key.fmspc, "54454553494d");
    assert_string_equal(key.ca, "platform");
    forge_good(FORGE_SGX3, &k);
    forge_use_ca(&k, &world.pki, FORGE_CA_PROCESSOR);
    assert_ok(forge_make(&k, &set));
    assert_ok(evidence_needs(buf_span(&set.quote), &key));
    assert_string_equal(key.tee, "sgx");
    assert_string_equal(key.ca, "processor");
    assert_fails(evidence_needs(SPAN("hello"), &key), FAIL_INPUT);
    assert_fails(evidence_pck_query(buf_span(&set.quote), &query), FAIL_INPUT); /* it has its certificate */
    static const size_t lengths[] = { 36, 276, 404 };
    uint8_t data[404] = { 0 };
    for (uint16_t type = 1; type <= 3; type++) {
        k.quote.cert_type = type;
        k.quote.cert_data = span_from(data, lengths[type - 1]);
        memset(data + k.quote.cert_data.len - 20, 0xc5, 16);
        data[k.quote.cert_data.len - 4] = 11;
        assert_ok(forge_make(&k, &set));
        assert_fails(evidence_needs(buf_span(&set.quote), &key), FAIL_INPUT);
        assert_ok(evidence_pck_query(buf_span(&set.quote), &query));
        assert_string_equal(query.pce_svn, "0b00");
        assert_string_equal(query.pce_id, "0000");
        assert_int_equal(strlen(query.cpu_svn), 32);
        assert_int_equal(strlen(query.encrypted_ppid), type == 3 ? 768 : 0);
        k.quote.cert_data.len--;
        assert_ok(forge_make(&k, &set));
        assert_fails(evidence_pck_query(buf_span(&set.quote), &query), FAIL_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame),
        cmocka_unit_test(signatures),
        cmocka_unit_test(attestation_keys),
        cmocka_unit_test(other_certification_data),
        cmocka_unit_test(chains_from_the_collateral),
        cmocka_unit_test(chain_of_another_platform),
        cmocka_unit_test(tail_of_the_qe_report_data),
        cmocka_unit_test(expected_report_data),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(malleable_signatures),
        cmocka_unit_test(a_known_platform_is_judged_alike),
        cmocka_unit_test(a_known_quoting_enclave_is_judged_alike),
        cmocka_unit_test(a_quoting_enclave_told_of_is_checked),
        cmocka_unit_test(bundles),
        cmocka_unit_test(needs),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
