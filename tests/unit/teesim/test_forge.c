// SPDX-License-Identifier: Apache-2.0
/* The forge against the formats as documented (DCAP quote layout, PCS v4), read here by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/reader.h"
#include "crypto/crl.h"
#include "crypto/signature.h"
#include "crypto/x509.h"
#include "teesim/forge.h"

#define NOW 1790000000

static struct forge_pki pki;

static void assert_ok(struct err e)
{
    assert_string_equal(failed(e) ? e.what : "", "");
}

static void assert_verifies(const struct key *k, struct span message, struct span signature)
{
    bool good = false;
    assert_ok(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, message, signature, &good));
    assert_true(good);
}

struct parts {
    struct span signed_bytes, signature, xy, qe_report, qe_signature, qe_auth, cert;
};

/* Reads a quote whose body has `body` bytes; every length must end where it says. */
static void take_apart(struct span quote, size_t body, struct parts *p)
{
    struct reader head = reader_of(quote);
    uint16_t version = reader_u16le(&head);
    size_t signed_len = 48 + (version == 5 ? 6 : 0) + body;

    struct reader r = reader_of(quote);
    p->signed_bytes = reader_take(&r, signed_len);
    struct reader auth = reader_sub(&r, reader_u32le(&r));
    p->signature = reader_take(&auth, 64);
    p->xy = reader_take(&auth, 64);
    struct reader inner = auth;
    if (version >= 4) {
        assert_int_equal(reader_u16le(&auth), 6);
        inner = reader_sub(&auth, reader_u32le(&auth));
    }
    p->qe_report = reader_take(&inner, FORGE_SGX_BODY_SIZE);
    p->qe_signature = reader_take(&inner, 64);
    p->qe_auth = reader_take(&inner, reader_u16le(&inner));
    assert_int_equal(reader_u16le(&inner), 5);
    p->cert = reader_take(&inner, reader_u32le(&inner));
    assert_ok(reader_end(&inner, "certification data"));
    if (version >= 4)
        assert_ok(reader_end(&auth, "auth data"));
    assert_ok(reader_end(&r, "quote"));
}

static void every_quote_is_whole(void **state)
{
    (void)state;
    static const struct {
        enum forge_tee tee;
        size_t body, report_data;
    } rows[] = { { FORGE_SGX3, 384, 320 },       { FORGE_TDX4, 584, 520 },        { FORGE_TDX5_TD10, 584, 520 },
                 { FORGE_TDX5, 648, 520 },       { FORGE_TDX5_TD15EX, 885, 520 }, { FORGE_SGX4, 384, 320 },
                 { FORGE_SGX5, 384, 320 } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct forge_set set owned(forge_set_done);
        struct forge_knobs k;
        struct parts p;
        uint8_t data[64], bound[96], digest[64] = { 0 };
        struct key *attestation owned(key_free) = NULL;

        forge_set_init(&set);
        memset(data, 0x5a, sizeof data);
        assert_ok(forge_defaults(&pki, rows[i].tee, NOW, &k));
        forge_quote_set_report_data(&k.quote, data);
        assert_ok(forge_make(&k, &set));
        take_apart(buf_span(&set.quote), rows[i].body, &p);
        size_t at = p.signed_bytes.len - rows[i].body + rows[i].report_data;
        assert_memory_equal(p.signed_bytes.at + at, data, sizeof data);
        assert_ok(key_from_p256_xy(p.xy, &attestation));
        assert_verifies(attestation, p.signed_bytes, p.signature);
        assert_verifies(pki.pck, p.qe_report, p.qe_signature);
        assert_int_equal(p.qe_auth.len, 32);
        memcpy(bound, p.xy.at, 64);
        memcpy(bound + 64, p.qe_auth.at, 32);
        assert_ok(sha256(SPAN_OF(bound), digest));
        assert_memory_equal(p.qe_report.at + 320, digest, 64);
    }
}

static void the_chain_of_a_quote_leads_to_the_root(void **state)
{
    (void)state;
    static const uint8_t sgx_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };
    struct forge_knobs k;
    struct buf pem owned(buf_done) = buf_of(1 << 16), extension owned(buf_done) = buf_of(4096);
    struct chain chain owned(chain_done) = { 0 };
    bool good = false;

    assert_ok(forge_defaults(&pki, FORGE_TDX4, NOW, &k));
    assert_ok(forge_make_pck_chain(&k, &pem));
    assert_ok(chain_from_pem(buf_span(&pem), &chain));
    assert_int_equal(chain.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(cert_signed_by(chain.certs[i], cert_key(chain.certs[i < 2 ? i + 1 : 2]), &good));
        assert_true(good);
    }
    assert_true(span_equal(cert_der(chain.certs[2]), buf_span(&pki.root.der)));
    assert_true(span_equal(cert_serial(chain.certs[0]), SPAN_OF(k.leaf_serial)));
    assert_ok(forge_pck_extension(&k.pck, &extension));
    assert_true(span_equal(cert_extension(chain.certs[0], SPAN_OF(sgx_oid)), buf_span(&extension)));
    assert_false(cert_is_ca(chain.certs[0]));
}

static void pck_extension_holds_its_entries(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct buf full owned(buf_done) = buf_of(4096), less owned(buf_done) = buf_of(4096);
    static const uint8_t fmspc[] = { 0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x04,
                                     0x04, 0x06, 'T',  'E',  'E',  'S',  'I',  'M' };
    static const uint8_t pce_svn[] = { 0x01, 0x0d, 0x01, 0x02, 0x11, 0x02, 0x01, 0x0b };

    assert_ok(forge_defaults(&pki, FORGE_SGX3, NOW, &k));
    assert_ok(forge_pck_extension(&k.pck, &full));
    assert_true(span_find(buf_span(&full), SPAN_OF(fmspc)) < full.len);
    assert_true(span_find(buf_span(&full), SPAN_OF(pce_svn)) < full.len);
    k.pck.without_entry = 4;
    assert_ok(forge_pck_extension(&k.pck, &less));
    assert_int_equal(span_find(buf_span(&less), SPAN_OF(fmspc)), less.len);
    assert_true(less.len < full.len);
}

/* {"member":{...},"signature":"..."}: the inner bytes as they stand are what is signed. */
static void assert_signed_document(const struct buf *text, const char *member)
{
    struct span all = buf_span(text), mark = SPAN(",\"signature\":\"");
    json_t *parsed owned(json_free) = NULL;
    uint8_t signature[64];
    size_t from = strlen(member) + 4, to = span_find(all, mark);

    assert_ok(json_parse_object(all, &parsed));
    assert_non_null(json_object_get(parsed, member));
    assert_ok(hex_parse_exact(span_head(span_tail(all, to + mark.len), 128), signature, 64));
    assert_verifies(pki.signer.key, span_tail(span_head(all, to), from), SPAN_OF(signature));
}

static void documents_are_signed_over_their_raw_bytes(void **state)
{
    (void)state;
    struct forge_set set owned(forge_set_done);
    struct forge_knobs k;

    forge_set_init(&set);
    assert_ok(forge_defaults(&pki, FORGE_TDX4, NOW, &k));
    k.tcb_document.edits[0] = (struct forge_edit){ "\"tcbType\":0", "\"tcbType\" : 0" };
    assert_ok(forge_make(&k, &set));
    assert_signed_document(&set.tcb_info, "tcbInfo");
    assert_signed_document(&set.qe_identity, "enclaveIdentity");
    assert_true(span_find(buf_span(&set.tcb_info), SPAN("\"tcbType\" : 0")) < set.tcb_info.len);
    assert_true(span_find(buf_span(&set.tcb_info), SPAN("\"tdxtcbcomponents\"")) < set.tcb_info.len);
    assert_true(span_find(buf_span(&set.qe_identity), SPAN("\"TD_QE\"")) < set.qe_identity.len);

    k.tcb_document.edits[0].from = "not there";
    assert_int_equal(forge_make(&k, &set).kind, FAIL_ABSENT);
}

static void version_2_has_its_own_form(void **state)
{
    (void)state;
    struct forge_knobs k;
    struct buf text owned(buf_done) = buf_of(FORGE_JSON_MAX);
    json_t *parsed owned(json_free) = NULL;

    assert_ok(forge_defaults(&pki, FORGE_SGX3, NOW, &k));
    k.tcb_info.version = 2;
    assert_ok(forge_tcb_info_text(&k.tcb_info, &text));
    assert_ok(json_parse_object(buf_span(&text), &parsed));
    assert_null(json_object_get(parsed, "id"));
    const json_t *level = json_array_get(json_object_get(parsed, "tcbLevels"), 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(level, "tcb"), "sgxtcbcomp01svn")), 4);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(level, "tcb"), "pcesvn")), 11);
}

/* The best level that a rung reaches is its own: what its status promises. */
static void each_rung_stands_on_its_own_level(void **state)
{
    (void)state;
    struct forge_tcb_info info;

    forge_tcb_info_default(true, forge_fmspc, NOW, NOW + 1, &info);
    for (size_t rung = 0; rung <= RUNG_NONE; rung++) {
        uint8_t have[16];
        uint16_t pce = 0;
        size_t level = 0;
        forge_rung_svn((enum forge_rung)rung, have, &pce);
        for (; level < info.count; level++) {
            bool reached = pce >= info.levels[level].pce_svn;
            for (size_t i = 0; i < 16; i++)
                reached = reached && have[i] >= info.levels[level].sgx[i];
            if (reached)
                break;
        }
        assert_int_equal(level, rung);
    }
}

static void lies_about_lengths_are_written(void **state)
{
    (void)state;
    struct forge_set set owned(forge_set_done), lying owned(forge_set_done);
    struct forge_knobs k;
    size_t at = 48 + FORGE_TD10_BODY_SIZE;

    forge_set_init(&set);
    forge_set_init(&lying);
    assert_ok(forge_defaults(&pki, FORGE_TDX4, NOW, &k));
    assert_ok(forge_make(&k, &set));
    k.quote.auth_size_lie = 3;
    k.quote.after = SPAN("xyz");
    assert_ok(forge_make(&k, &lying));
    struct reader honest = reader_of(span_tail(buf_span(&set.quote), at));
    struct reader liar = reader_of(span_tail(buf_span(&lying.quote), at));
    assert_int_equal(reader_u32le(&honest), set.quote.len - at - 4);
    assert_int_equal(reader_u32le(&liar), lying.quote.len - at - 4);
    assert_memory_equal(lying.quote.at + lying.quote.len - 3, "xyz", 3);
}

static int open_pki(void **state)
{
    (void)state;
    return failed(forge_pki_open(NULL, &pki)) ? -1 : 0;
}

static int close_pki(void **state)
{
    (void)state;
    forge_pki_done(&pki);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_quote_is_whole),
        cmocka_unit_test(the_chain_of_a_quote_leads_to_the_root),
        cmocka_unit_test(pck_extension_holds_its_entries),
        cmocka_unit_test(documents_are_signed_over_their_raw_bytes),
        cmocka_unit_test(version_2_has_its_own_form),
        cmocka_unit_test(each_rung_stands_on_its_own_level),
        cmocka_unit_test(lies_about_lengths_are_written),
    };
    return cmocka_run_group_tests(tests, open_pki, close_pki);
}
